"""Many to many, aligned, on sequences of any length: the probabilities of the labels of each step.

A unidirectional network carries its state from chunk to chunk, with the same result as in one
piece. A bidirectional one is applied to windows that overlap by a margin at either end.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.layers.dropout import Dropout
from ostinato.layers.motifs import Motifs
from ostinato.models.inspectable import RecurrentPart, mask_padding, name_parts, score_targets
from ostinato.models.loss import Loss, require_targets


class Segmenter(nn.Module):
    """Batches of tokens [B, T] -> a label for each step.

    Args:
        embedding: Inputs [B, T] -> vectors [B, T, D].
        motifs: Motif detectors (convolution) before the body, or None.
        body: (vectors, lengths, state) -> (outputs [B, T, H], state): a Recurrent, or a module with
            the same interface and `output_size`.
        labels: Labels K.
        dropout: On the body's input and output.
        weights: Weight of each label in the training loss [K]; default 1.

    The state is (the last inputs of the motif convolution, the body's state).
    """

    weights: Tensor

    def __init__(
        self,
        embedding: nn.Module,
        motifs: Motifs | None,
        body: Any,
        labels: int,
        *,
        dropout: float = 0.0,
        weights: Tensor | None = None,
    ):
        super().__init__()
        self.embedding, self.motifs, self.body = embedding, motifs, body
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(body.output_size, labels)
        self.register_buffer("weights", torch.ones(labels) if weights is None else weights)

    def forward(self, batch: Batch, state: State = None) -> tuple[Tensor, State]:
        """The logits [B, T, K] and the new state."""
        tail, state = (None, None) if state is None else state
        x, lengths = self.embedding(batch.inputs), batch.lengths
        if self.motifs is not None:
            x, lengths, tail = self.motifs(x, lengths, tail)
        outputs, state = self.body(self.dropout(x), lengths, state)
        return self.output(self.dropout(outputs)), (tail, state)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The sum of -log P(label) over all steps that have a label."""
        logits, state = self(batch, state)
        targets = require_targets(batch).flatten()
        total = functional.cross_entropy(
            logits.flatten(0, 1),
            targets,
            weight=self.weights if self.training else None,
            ignore_index=IGNORE,
            reduction="sum",
        )
        return Loss(total, int((targets != IGNORE).sum()), state)

    def answers(self, batch: Batch, state: State = None) -> tuple[Tensor, Tensor, State]:
        """Probabilities [B, T, K], the best label of each step [B, T], and the new state."""
        logits, state = self(batch, state)
        probabilities = logits.softmax(-1)
        return probabilities, probabilities.argmax(-1), state

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The body's recurrent layers."""
        return name_parts(self.body)

    def own_targets(self, batch: Batch) -> Tensor:
        """The most probable label of each step, [B, T]."""
        return mask_padding(self(batch)[0].argmax(-1), batch.lengths)

    def step_scores(self, batch: Batch) -> Tensor:
        """log P(label) of each step [B, T]."""
        return score_targets(self(batch)[0], require_targets(batch))
