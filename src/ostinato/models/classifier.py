"""Many to one: a whole sequence in, one label out.

inputs -> vectors [B, T, E] -> a body (recurrent, convolution, ...) -> one vector [B, P] -> probabilities of the labels"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType, real
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.layers.character_encoder import Speller
from ostinato.layers.dropout import Dropout
from ostinato.layers.recurrent import Recurrent
from ostinato.models.labels import Classes, Grades, ManyLabels
from ostinato.models.loss import Loss

POOLINGS = ("last", "both-ends", "middle", "mean", "max", "attention", "ensemble")
Head = Classes | ManyLabels | Grades


class Attend(nn.Module):
    """Attention pooling: a learned question put to every state (Yang et al. 2016, equations 5 to 7).

    u_t = tanh(W h_t + b);  a_t = softmax over real t of u_t . u;  the result is sum_t a_t h_t"""

    def __init__(self, size: int):
        super().__init__()
        self.key = nn.Linear(size, size)
        self.question = nn.Linear(size, 1, bias=False)

    def weights(self, states: Tensor, mask: Tensor) -> Tensor:
        """[B, T, P] and the real steps [B, T] -> how much each counts [B, T]; they add up to 1."""
        scores = self.question(self.key(states).tanh()).squeeze(-1)
        return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        return (self.weights(states, mask).unsqueeze(1) @ states).squeeze(1)


class RecurrentBody(nn.Module):
    """Vectors [B, T, E] -> what a recurrent network remembers of them, [B, P]; all its states [B, T, P] for an ensemble.

    pooling     last        the state behind the last step (backwards: behind the first): what the network itself kept
                both-ends   the outputs at the first and at the last step, of both directions
                middle      the output at the middle step: for sequences cut out around what they are about
                mean, max   over the outputs of all steps
                attention   the outputs weighed by a learned question
                ensemble    every step's output is classified, and the mean of the probabilities is the answer
    hidden_size is that of both directions together."""

    def __init__(
        self,
        cell: CellType,
        input_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = True,
        pooling: str = "max",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ):
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}; got {pooling!r}")
        if bidirectional and hidden_size % 2:
            raise ValueError(f"hidden_size must be even with bidirectional; got {hidden_size}")
        self.recurrent = Recurrent(
            cell,
            input_size,
            hidden_size // (1 + bidirectional),
            layers=layers,
            bidirectional=bidirectional,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
        )
        self.pooling = pooling
        self.attend = Attend(self.recurrent.output_size) if pooling == "attention" else None
        self.output_size = self.recurrent.output_size * (2 if pooling == "both-ends" else 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        outputs, state = self.recurrent(x, lengths)
        if self.pooling == "last":
            return torch.cat([parts[0] for parts in state[-self.recurrent.directions :]], -1)
        if self.pooling == "ensemble":
            return outputs
        if self.pooling == "mean":
            return outputs.sum(1) / lengths.to(outputs).unsqueeze(1)
        mask = real(lengths, outputs.shape[1], outputs.device)
        if self.pooling == "max":
            return outputs.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(1)
        if self.pooling == "attention":
            return self.attend(outputs, mask)
        rows = torch.arange(len(outputs), device=outputs.device)
        if self.pooling == "middle":
            return outputs[rows, (lengths // 2).to(outputs.device)]
        last = outputs[rows, (lengths - 1).to(outputs.device)]
        return torch.cat([outputs[:, 0], last], -1)


class Classifier(nn.Module):
    """Sequences -> labels.

    embedding   tokens [B, T] -> vectors [B, T, E]; None where the inputs are vectors already
    body        (vectors, lengths) -> one vector each [B, P], or one for every step [B, T, P], classified together
    head        vectors -> probabilities: models.labels.Classes, ManyLabels or Grades
    speller     the batch's spellings -> further vectors [B, T, S], joined to the embedding's"""

    def __init__(
        self,
        embedding: nn.Module | None,
        body: nn.Module,
        head: Head,
        *,
        dropout: float = 0.0,
        input_dropout: float | None = None,
        speller: Speller | None = None,
    ):
        super().__init__()
        self.embedding, self.speller, self.body, self.head = embedding, speller, body, head
        self.input_dropout = Dropout(dropout if input_dropout is None else input_dropout)
        self.dropout = Dropout(dropout)

    def states(self, batch: Batch) -> Tensor:
        vectors = batch.inputs if self.embedding is None else self.embedding(batch.inputs)
        if self.speller is not None:
            vectors = torch.cat([vectors, self.speller(batch.spellings)], -1)
        return self.dropout(self.body(self.input_dropout(vectors), batch.lengths))

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The sum over the batch of -log P(label); of an ensemble over all steps, the mean of its members' losses."""
        states = self.states(batch)
        losses = self.head.losses(states, batch.targets)
        return Loss(
            (losses if losses.dim() == 1 else mean_of_real(losses, batch.lengths)).sum(), len(batch)
        )

    def probabilities(self, batch: Batch) -> Tensor:
        """[B, C]"""
        given = self.head.probabilities(self.states(batch))
        return given if given.dim() == 2 else mean_of_real(given, batch.lengths)


class FrameClassifier(Classifier):
    """Many to many, aligned: a label for every step. The body gives a vector for each [B, T, P]; targets are [B, T]."""

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The sum over all real steps of -log P(label)."""
        wanted = batch.targets != IGNORE
        losses = self.head.losses(self.states(batch)[wanted], batch.targets[wanted])
        return Loss(losses.sum(), int(wanted.sum()))

    def probabilities(self, batch: Batch) -> Tensor:
        """[B, T, C]"""
        return self.head.probabilities(self.states(batch))


def mean_of_real(values: Tensor, lengths: Tensor) -> Tensor:
    """The mean over each row's real steps: [B, T, ...] -> [B, ...]"""
    mask = real(lengths, values.shape[1], values.device).view(
        *values.shape[:2], *[1] * (values.dim() - 2)
    )
    return (values * mask).sum(1) / lengths.to(values).view(-1, *[1] * (values.dim() - 2))


class Together(nn.Module):
    """Several classifiers as one: the mean of their probabilities. They may be trained side by side (each by its own loss), or
    have been trained before (Lakshminarayanan, Pritzel and Blundell 2017)."""

    def __init__(self, models: Sequence[nn.Module]):
        super().__init__()
        self.models = nn.ModuleList(models)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The mean of the members' losses."""
        losses = [model.loss(batch) for model in self.models]
        return Loss(torch.stack([each.total for each in losses]).mean(), losses[0].count)

    def probabilities(self, batch: Batch) -> Tensor:
        return torch.stack([model.probabilities(batch) for model in self.models]).mean(0)
