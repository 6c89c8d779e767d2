"""Many to one: a whole sequence in, one label out.

inputs -> vectors [B, T, E] -> a body (recurrent, convolution, ...) -> one vector [B, P] -> the
probabilities of the labels
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.layers.character_encoder import CharacterEncoder
from ostinato.layers.dropout import Dropout
from ostinato.layers.recurrent import MERGES, Recurrent, bidirectional_hidden_size
from ostinato.models.contextual_embedding import ContextualEmbedding
from ostinato.models.heads import OrdinalHead, SigmoidHead, SoftmaxHead
from ostinato.models.inspectable import RecurrentPart, mask_padding, name_parts
from ostinato.models.loss import Loss, require_targets
from ostinato.padding import padding_mask

POOLINGS = ("last", "both-ends", "middle", "mean", "max", "attention", "ensemble")
Head = SoftmaxHead | SigmoidHead | OrdinalHead


class AttentionPooling(nn.Module):
    """Attention pooling: a weighted mean of the states (Yang et al. 2016, equations 5 to 7).

    u_t = tanh(W h_t + b);  a_t = softmax over real t of u_t . u;  the result is sum_t a_t h_t,
    with the learned context vector u
    """

    def __init__(self, size: int):
        super().__init__()
        self.key = nn.Linear(size, size)
        self.question = nn.Linear(size, 1, bias=False)

    def weights(self, states: Tensor, mask: Tensor) -> Tensor:
        """States [B, T, P] and the padding mask [B, T] -> attention weights [B, T]."""
        scores = self.question(self.key(states).tanh()).squeeze(-1)
        return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """States [B, T, P] and the padding mask [B, T] -> [B, P]"""
        return (self.weights(states, mask).unsqueeze(1) @ states).squeeze(1)


class RecurrentBody(nn.Module):
    """A recurrent network with pooling: vectors [B, T, E] -> [B, P].

    Args:
        cell: The recurrent cell.
        input_size: E.
        hidden_size: Units of a layer, of both directions together.
        layers: Stacked layers.
        bidirectional: Whether to read in both directions.
        merge: How the outputs, and final states, of the two directions become one; see Recurrent.
        pooling: How a sequence becomes one vector.
            `last`: the final state of each direction of the last layer;
            `both-ends`: the outputs at the first and at the last step;
            `middle`: the output at the middle step, for windows centred on their subject;
            `mean`, `max`: over the outputs of all steps;
            `attention`: the outputs weighted by learned attention;
            `ensemble`: no pooling; each step's output is classified, [B, T, P], and the
            probabilities are averaged.
        dropout: Between layers.
        recurrent_dropout: Inside the recurrence.
    """

    def __init__(
        self,
        cell: CellType,
        input_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = True,
        merge: str = "concat",
        pooling: str = "max",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ):
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}; got {pooling!r}")
        self.recurrent = Recurrent(
            cell,
            input_size,
            bidirectional_hidden_size(hidden_size, bidirectional=bidirectional, merge=merge),
            layers=layers,
            bidirectional=bidirectional,
            merge=merge,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
        )
        self.pooling = pooling
        self.attend = (
            AttentionPooling(self.recurrent.output_size) if pooling == "attention" else None
        )
        self.output_size = self.recurrent.output_size * (2 if pooling == "both-ends" else 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Vectors [B, T, E] and lengths [B] -> [B, P], or [B, T, P] with pooling `ensemble`."""
        outputs, state = self.recurrent(x, lengths)
        if self.pooling == "last":
            if self.recurrent.directions == 1:
                return state[-1][0]
            return MERGES[self.recurrent.merge](state[-2][0], state[-1][0])
        if self.pooling == "ensemble":
            return outputs
        if self.pooling == "mean":
            return outputs.sum(1) / lengths.to(outputs).unsqueeze(1)
        mask = padding_mask(lengths, outputs.shape[1], outputs.device)
        if self.pooling == "max":
            return outputs.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(1)
        if self.attend is not None:
            return self.attend(outputs, mask)
        rows = torch.arange(len(outputs), device=outputs.device)
        if self.pooling == "middle":
            return outputs[rows, (lengths // 2).to(outputs.device)]
        last = outputs[rows, (lengths - 1).to(outputs.device)]
        return torch.cat([outputs[:, 0], last], -1)


class Classifier(nn.Module):
    """Sequences -> labels.

    Args:
        embedding: Token ids [B, T] -> vectors [B, T, E]; None where the inputs are vectors already.
        body: (vectors, lengths) -> one vector per sequence [B, P], or one per step [B, T, P], whose
            probabilities are averaged.
        head: Vectors -> probabilities; see `models.heads`.
        dropout: On the body's output.
        input_dropout: On the body's input; default: `dropout`.
        character_encoder: The batch's characters -> further vectors [B, T, S], concatenated to
            the embedding.
        contextual: Language models, whose states at each word are further vectors [B, T, D].
    """

    def __init__(
        self,
        embedding: nn.Module | None,
        body: nn.Module,
        head: Head,
        *,
        dropout: float = 0.0,
        input_dropout: float | None = None,
        character_encoder: CharacterEncoder | None = None,
        contextual: ContextualEmbedding | None = None,
    ):
        super().__init__()
        self.embedding, self.body, self.head = embedding, body, head
        self.contextual = contextual
        self.speller = character_encoder  # the name in saved weights
        self.input_dropout = Dropout(dropout if input_dropout is None else input_dropout)
        self.dropout = Dropout(dropout)

    def states(self, batch: Batch) -> Tensor:
        """The head's input: [B, P], or [B, T, P] if each step is classified."""
        vectors = batch.inputs if self.embedding is None else self.embedding(batch.inputs)
        if self.speller is not None:
            vectors = torch.cat([vectors, self.speller(batch.spellings)], -1)
        if self.contextual is not None:
            vectors = torch.cat([vectors, self.contextual(batch.readings)], -1)
        return self.dropout(self.body(self.input_dropout(vectors), batch.lengths))

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The sum over the batch of -log P(label); steps classified apart count as their mean."""
        states = self.states(batch)
        losses = self.head.losses(states, require_targets(batch))  # [B] or [B, T]
        if losses.dim() == 2:
            losses = masked_mean(losses, batch.lengths)
        return Loss(losses.sum(), len(batch))

    def probabilities(self, batch: Batch) -> Tensor:
        """The probability of each class, [B, C]."""
        given = self.head.probabilities(self.states(batch))  # [B, C] or [B, T, C]
        return given if given.dim() == 2 else masked_mean(given, batch.lengths)

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The body's recurrent layers, and those of the character encoder."""
        spelling = [] if self.speller is None else name_parts(self.speller, "characters")
        return [*spelling, *name_parts(self.body)]

    def own_targets(self, batch: Batch) -> Tensor:
        """The most probable class [B]; of several labels those above 0.5, [B, C]."""
        given = self.probabilities(batch)
        return (given >= 0.5).to(given) if isinstance(self.head, SigmoidHead) else given.argmax(-1)

    def step_scores(self, batch: Batch) -> Tensor:
        """log P(label) [B, 1], or of each step with pooling `ensemble`, [B, T]."""
        losses = self.head.losses(self.states(batch), require_targets(batch))
        return -losses.view(len(batch), -1)


class FrameClassifier(Classifier):
    """Many to many, aligned: a label for each step.

    The body returns a vector for each step [B, T, P]; targets are [B, T].
    """

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The sum over all steps with a target of -log P(label)."""
        targets = require_targets(batch)
        mask = targets != IGNORE  # [B, T]
        losses = self.head.losses(self.states(batch)[mask], targets[mask])
        return Loss(losses.sum(), int(mask.sum()))

    def probabilities(self, batch: Batch) -> Tensor:
        """The probability of each class at each step, [B, T, C]."""
        return self.head.probabilities(self.states(batch))

    def own_targets(self, batch: Batch) -> Tensor:
        """The most probable class of each step, [B, T]."""
        return mask_padding(self.probabilities(batch).argmax(-1), batch.lengths)

    def step_scores(self, batch: Batch) -> Tensor:
        """log P(label) of each step [B, T]."""
        targets = require_targets(batch)
        mask = targets != IGNORE
        states = self.states(batch)
        scores = states.new_zeros(targets.shape)
        scores[mask] = -self.head.losses(states[mask], targets[mask])
        return scores


def masked_mean(values: Tensor, lengths: Tensor) -> Tensor:
    """The mean over each row's real steps: [B, T, ...] -> [B, ...]"""
    mask = padding_mask(lengths, values.shape[1], values.device).view(
        *values.shape[:2], *[1] * (values.dim() - 2)
    )
    return (values * mask).sum(1) / lengths.to(values).view(-1, *[1] * (values.dim() - 2))
