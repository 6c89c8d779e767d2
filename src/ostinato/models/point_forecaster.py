"""The next value of a series given all before it, as a Student t distribution: what is unlikely is
an anomaly.

Letters: B batch, T time, D features.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.layers.recurrent import Recurrent
from ostinato.models.inspectable import RecurrentPart
from ostinato.models.loss import Loss, full_precision, require_targets

LEAST_SCALE = 0.05  # of a standardised value: nothing is forecast more surely
MOST_SURPRISE = 1e6


class PointForecaster(nn.Module):
    """A recurrent network that reads features of the past of each step, and predicts its value.

    Args:
        cell: The recurrent cell.
        input_size: D.
        hidden_size: Units of each layer.
        layers: Recurrent layers.
        dropout: Between layers and before the output layer.

    Buffers:
        threshold: The score from which on there is an alarm, measured on held-out series.
    """

    threshold: Tensor

    def __init__(
        self,
        cell: CellType,
        input_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.recurrent = Recurrent(cell, input_size, hidden_size, layers=layers, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.recurrent.output_size, 2)
        # degrees of freedom are 2 + exp(this): heavy tails limit the influence of outliers
        self.log_freedom = nn.Parameter(torch.tensor(math.log(3.0)))
        self.register_buffer("threshold", torch.tensor(torch.inf))

    def distributions(self, inputs: Tensor, state: State = None) -> tuple[Tensor, Tensor, State]:
        """Features [B, T, D] -> location and scale of each step's value [B, T], and the state."""
        hidden, state = self.recurrent(inputs, state=state)
        location, raw = full_precision(self.output(self.dropout(hidden))).unbind(-1)
        return location, functional.softplus(raw) + LEAST_SCALE, state

    def surprise(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """-log p of each value."""
        freedom = 2 + self.log_freedom.clamp(-3, 5).exp()
        z = ((values - location) / scale).clamp(-MOST_SURPRISE, MOST_SURPRISE)
        constant = torch.lgamma(freedom / 2) - torch.lgamma((freedom + 1) / 2)
        constant = constant + 0.5 * (freedom * math.pi).log()
        return scale.log() + constant + (freedom + 1) / 2 * torch.log1p(z * z / freedom)

    def observe(
        self, inputs: Tensor, targets: Tensor, state: State = None
    ) -> tuple[Tensor, Tensor, State]:
        """Steps with their values -> the surprise of each [B, T], what was expected, and the state.

        Args:
            inputs: Features of the past of each step [B, T, D].
            targets: Their values [B, T], NaN where there is none.
            state: After the steps before.
        """
        location, scale, state = self.distributions(inputs, state)
        return self.surprise(targets.nan_to_num(), location, scale), location, state

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The surprise of every value that is there; batches may continue (truncated BPTT)."""
        losses, seen, state = self.losses(batch, state if batch.continues else None)
        return Loss(losses.sum(), int(seen.sum()), state)

    def losses(self, batch: Batch, state: State = None) -> tuple[Tensor, Tensor, State]:
        """-log p of each value [B, T], zero where there is none; where there is one; the state."""
        targets = require_targets(batch)
        seen = (targets != IGNORE) & ~targets.isnan()
        location, scale, state = self.distributions(batch.inputs, state)
        losses = self.surprise(torch.where(seen, targets, 0.0), location, scale)
        return losses * seen, seen, state

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The recurrent layers."""
        return [RecurrentPart("recurrent", self.recurrent)]

    @torch.no_grad()
    def own_targets(self, batch: Batch) -> Tensor:
        """What is expected of each step [B, T]."""
        return self.distributions(batch.inputs)[0]

    def step_scores(self, batch: Batch) -> Tensor:
        """log p of each step's value [B, T]."""
        return -self.losses(batch)[0]


class PointForecasterEnsemble(nn.Module):
    """Point forecasters or autoencoders whose surprise and expectation are averaged.

    Buffers:
        threshold: The mean of theirs.
    """

    threshold: Tensor

    def __init__(self, models: list[Any]):
        super().__init__()
        self.models = nn.ModuleList(models)
        self.register_buffer("threshold", torch.stack([each.threshold for each in models]).mean())

    @property
    def members(self) -> list[Any]:
        """The models."""
        return list(self.models)

    def observe(
        self, inputs: Tensor, targets: Tensor, state: State = None
    ) -> tuple[Tensor, Tensor, State]:
        """As a member's; the state is a tuple of theirs."""
        states = state if isinstance(state, tuple) else (None,) * len(self.members)
        found = [
            model.observe(inputs, targets, part)
            for model, part in zip(self.members, states, strict=True)
        ]
        surprises, locations, after = zip(*found, strict=True)
        return torch.stack(surprises).mean(0), torch.stack(locations).mean(0), after
