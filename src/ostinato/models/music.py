"""Music: at each step one event or one chord, given all before it.

features [B, T, D] (what sounds, the kind of tune) -> vectors -> a recurrent network -> a head with
the distribution of the next step. One to many where a label conditions the generation.
"""

from __future__ import annotations

from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.layers.dropout import dropout
from ostinato.layers.recurrent import Recurrent
from ostinato.models.inspectable import RecurrentPart
from ostinato.models.loss import Loss, require_targets
from ostinato.models.music_heads import (
    EventHead,
    IndependentPitchHead,
    NoteSequenceHead,
    Sampler,
    target_mask,
)

Head = EventHead | IndependentPitchHead | NoteSequenceHead


class Music(nn.Module):
    """A recurrent model of music.

    Args:
        features: Features D of a step: the previous event or the pitches that sound, and the kind
            of tune.
        embedding_size: Size of the linear projection of the features.
        cell: The recurrent cell.
        hidden_size: Units of a layer, H.
        head: An EventHead, IndependentPitchHead or NoteSequenceHead for vectors of `hidden_size`.
        layers: Stacked layers.
        input_dropout, dropout: Variational dropout of the projected features; of the outputs and
            between layers.
        recurrent_dropout: Inside the recurrence.
    """

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

    def initial_state(self, rows: int) -> State:
        """The state before the first step, for `rows` rows."""
        return self.recurrent.initial_state(rows)

    def hidden(self, inputs: Tensor, lengths: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Features [B, T, D] -> the head's input [B, T, H], and the new state."""
        x = dropout(self.embedding(inputs), self.input_dropout, training=self.training, locked=True)
        outputs, state = self.recurrent(x, lengths, state)
        return dropout(outputs, self.dropout, training=self.training, locked=True), state

    def losses(self, batch: Batch, state: State = None) -> tuple[Tensor, State]:
        """-log p of each step's event or chord [B, T], zero in the padding, and the new state."""
        hidden, state = self.hidden(batch.inputs, batch.lengths, state)
        targets = require_targets(batch)
        mask = target_mask(targets)  # [B, T]
        losses = hidden.new_zeros(mask.shape)
        losses[mask] = self.head.losses(hidden[mask], targets[mask])
        return losses, state

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The sum of -log p over all real steps."""
        losses, state = self.losses(batch, state)
        return Loss(losses.sum(), int(batch.lengths.sum()), state)

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The recurrent layers."""
        return [RecurrentPart("recurrent", self.recurrent)]

    def own_targets(self, batch: Batch) -> Tensor:
        """A tune is its own target: raises ValueError for a batch without any."""
        return require_targets(batch)

    def step_scores(self, batch: Batch) -> Tensor:
        """log p of each step's event or chord [B, T]."""
        return -self.losses(batch)[0]

    def read(self, inputs: Tensor, lengths: Tensor | None, state: State) -> State:
        """The state after the given features [N, T, D]."""
        return self.hidden(inputs, lengths, state)[1]

    def step(self, inputs: Tensor, state: State, sampler: Sampler) -> tuple[Tensor, State]:
        """Features [N, D] of the previous step -> a sample of the next step, and the new state."""
        hidden, state = self.hidden(inputs.unsqueeze(1), None, state)
        return self.head.draw(hidden[:, 0], sampler), state
