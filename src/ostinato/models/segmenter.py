"""Many to many, aligned, over sequences of any length: a label for each step, the state going in and out.

    numbers -> one-hot vectors -> motif detectors -> a recurrent network -> probabilities of the labels at each step

A network that reads forwards carries its state from chunk to chunk: chunked = whole. One that reads both ways answers a window
at a time, and sees a margin beyond either end of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.layers.dropout import Dropout
from ostinato.layers.motifs import Motifs
from ostinato.models.loss import Loss


class Segmenter(nn.Module):
    """Batches of [B, T] -> a label at each step.

    embedding  inputs [B, T] -> vectors [B, T, D]
    motifs     detectors before the body, or None
    body       (vectors, lengths, state) -> (outputs [B, T, H], state): a Recurrent, or what is called like one
    weights    [K], how much a step of each label counts while training (default: 1)

    The state is (the motifs' tail, the body's state)."""

    def __init__(
        self,
        embedding: nn.Module,
        motifs: Motifs | None,
        body: nn.Module,
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
        """(logits [B, T, K], state)"""
        tail, state = (None, None) if state is None else state
        x, lengths = self.embedding(batch.inputs), batch.lengths
        if self.motifs is not None:
            x, lengths, tail = self.motifs(x, lengths, tail)
        outputs, state = self.body(self.dropout(x), lengths, state)
        return self.output(self.dropout(outputs)), (tail, state)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The sum of -log P(label) over all steps that have one."""
        logits, state = self(batch, state)
        targets = batch.targets.flatten()
        total = functional.cross_entropy(
            logits.flatten(0, 1),
            targets,
            weight=self.weights if self.training else None,
            ignore_index=IGNORE,
            reduction="sum",
        )
        return Loss(total, int((targets != IGNORE).sum()), state)

    def answers(self, batch: Batch, state: State = None) -> tuple[Tensor, Tensor, State]:
        """(probabilities [B, T, K], the likeliest label at each step [B, T], state)"""
        logits, state = self(batch, state)
        probabilities = logits.softmax(-1)
        return probabilities, probabilities.argmax(-1), state


class SegmenterEnsemble(nn.Module):
    """Several segmenters as one: the mean of their probabilities."""

    def __init__(self, models: Sequence[nn.Module]):
        super().__init__()
        self.models = nn.ModuleList(models)

    def answers(self, batch: Batch, state: State = None) -> tuple[Tensor, Tensor, State]:
        states = state or (None,) * len(self.models)
        found = [
            model.answers(batch, each) for model, each in zip(self.models, states, strict=True)
        ]
        probabilities = torch.stack([each for each, _, _ in found]).mean(0)
        return probabilities, probabilities.argmax(-1), tuple(state for _, _, state in found)
