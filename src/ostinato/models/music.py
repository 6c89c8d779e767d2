"""Music: at each step one event or one chord, each next one given all before. One to many where a label says which kind is wanted.

features [B, T, D] (what sounds, what kind of tune) -> vectors -> a recurrent network -> a head that knows what comes next"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.layers.dropout import dropout
from ostinato.layers.recurrent import Recurrent
from ostinato.models.chords import Draws, Independent, OneEvent, Voices, real_targets
from ostinato.models.loss import Loss

Head = OneEvent | Independent | Voices


class Music(nn.Module):
    """features    how many there are: those of the step before (which event; which pitches sound), and which kind of tune
    head        models.chords.OneEvent, Independent or Voices, for vectors of `hidden_size`"""

    def __init__(
        self,
        features: int,
        embedding_size: int,
        cell: CellType,
        hidden_size: int,
        head: Head,
        *,
        layers: int = 1,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ):
        super().__init__()
        self.embedding = nn.Linear(features, embedding_size)
        self.recurrent = Recurrent(
            cell,
            embedding_size,
            hidden_size,
            layers=layers,
            dropout=dropout,
            locked=True,
            recurrent_dropout=recurrent_dropout,
        )
        self.head, self.input_dropout, self.dropout = head, input_dropout, dropout

    def start(self, rows: int) -> State:
        """The state before the first step."""
        return self.recurrent.start(rows)

    def hidden(self, inputs: Tensor, lengths: Tensor | None, state: State) -> tuple[Tensor, State]:
        x = dropout(self.embedding(inputs), self.input_dropout, training=self.training, locked=True)
        outputs, state = self.recurrent(x, lengths, state)
        return dropout(outputs, self.dropout, training=self.training, locked=True), state

    def losses(self, batch: Batch, state: State = None) -> tuple[Tensor, State]:
        """-log p of what is played at each step [B, T], zero in the padding, and the state behind."""
        hidden, state = self.hidden(batch.inputs, batch.lengths, state)
        real = real_targets(batch.targets)
        losses = hidden.new_zeros(real.shape)
        losses[real] = self.head.losses(hidden[real], batch.targets[real])
        return losses, state

    def loss(self, batch: Batch, state: State = None) -> Loss:
        losses, state = self.losses(batch, state)
        return Loss(losses.sum(), int(batch.lengths.sum()), state)

    def read(self, inputs: Tensor, lengths: Tensor | None, state: State) -> State:
        """The state behind features [N, T, D] that were played, not drawn."""
        return self.hidden(inputs, lengths, state)[1]

    def step(self, inputs: Tensor, state: State, draws: Draws) -> tuple[Tensor, State]:
        """Features [N, D] of the step before -> what is drawn for the next, and the state behind."""
        hidden, state = self.hidden(inputs.unsqueeze(1), None, state)
        return self.head.draw(hidden[:, 0], draws), state


class MusicEnsemble(nn.Module):
    """Several models as one: at each step the mean of their probabilities of what is played. Its state is a tuple of theirs."""

    def __init__(self, models: Sequence[nn.Module]):
        super().__init__()
        self.models = nn.ModuleList(models)

    def start(self, rows: int) -> State:
        return tuple(model.start(rows) for model in self.models)

    def losses(self, batch: Batch, state: State = None) -> tuple[Tensor, State]:
        states = self.start(len(batch)) if state is None else state
        losses, states = zip(
            *(model.losses(batch, each) for model, each in zip(self.models, states, strict=True)),
            strict=True,
        )
        mean = math.log(len(losses)) - torch.stack(losses).neg().logsumexp(0)
        return mean * real_targets(batch.targets), tuple(states)

    def read(self, inputs: Tensor, lengths: Tensor | None, state: State) -> State:
        return tuple(
            model.read(inputs, lengths, each)
            for model, each in zip(self.models, state, strict=True)
        )

    def step(self, inputs: Tensor, state: State, draws: Draws) -> tuple[Tensor, State]:
        """A mixture is drawn from by drawing one of its parts first: for each row, which of the models decides this step."""
        answers, states = zip(
            *(
                model.step(inputs, each, draws)
                for model, each in zip(self.models, state, strict=True)
            ),
            strict=True,
        )
        which = draws.choose(inputs.new_zeros(len(inputs), len(answers)), torch.arange(len(inputs)))
        stacked = torch.stack(answers)
        return stacked[which, torch.arange(len(inputs))], tuple(states)
