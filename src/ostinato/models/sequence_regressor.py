"""Many to one: a series of vectors in, numbers out, by least squares."""

from __future__ import annotations

from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.models.classifier import RecurrentBody
from ostinato.models.inspectable import RecurrentPart, name_parts
from ostinato.models.loss import Loss, full_precision, require_targets


class SequenceRegressor(nn.Module):
    """Series [B, T, D] -> numbers [B, K]: a recurrent layer, pooled, and a linear map.

    Args:
        cell: The recurrent cell.
        input_size: D.
        output_size: K.
        hidden_size: Units of a layer, of both directions together.
        layers: Stacked layers.
        dropout: Between layers and on the pooled vector.
        pooling: How the outputs become one vector; see `RecurrentBody`.
    """

    def __init__(
        self,
        cell: CellType,
        input_size: int,
        output_size: int,
        *,
        hidden_size: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        pooling: str = "last",
    ):
        super().__init__()
        self.body = RecurrentBody(
            cell, input_size, hidden_size, layers=layers, pooling=pooling, dropout=dropout
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.body.output_size, output_size)

    def forward(self, batch: Batch) -> Tensor:
        """The numbers [B, K]."""
        return full_precision(self.output(self.dropout(self.body(batch.inputs, batch.lengths))))

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """Half the squared error, summed over the batch and the K numbers."""
        errors = self(batch) - require_targets(batch)
        return Loss(errors.square().sum() / 2, len(batch))

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The recurrent layers."""
        return name_parts(self.body)

    def own_targets(self, batch: Batch) -> Tensor:
        """What it predicts [B, K]."""
        return self(batch)

    def step_scores(self, batch: Batch) -> Tensor:
        """Minus half the squared error [B, 1]."""
        errors = self(batch) - require_targets(batch)
        return -errors.square().sum(-1, keepdim=True) / 2
