"""Several forecasters as one. Letters as in `models.forecaster`."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.models.forecaster import Forecaster
from ostinato.models.loss import Loss


class ForecasterEnsemble(Forecaster):
    """The mean of the quantiles of several forecasters, trained jointly or beforehand."""

    def __init__(self, models: list[Forecaster]):
        super().__init__(models[0].look_back, models[0].horizon)
        self.models = nn.ModuleList(models)
        self.correction = torch.stack([model.correction for model in models]).mean(0)
        self.persistence = torch.stack([model.persistence for model in models]).mean()

    @property
    def members(self) -> list[Forecaster]:
        """The models."""
        return cast("list[Forecaster]", list(self.models))

    def quantiles(self, batch: Batch) -> Tensor:
        return torch.stack([model.quantiles(batch) for model in self.members]).mean(0)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The mean of the members' own losses."""
        carried = state if isinstance(state, tuple) else [None] * len(self.models)
        losses = [
            model.loss(batch, part) for model, part in zip(self.members, carried, strict=True)
        ]
        states = tuple(each.state for each in losses)
        state = None if any(part is None for part in states) else states
        return Loss(torch.stack([each.total for each in losses]).mean(), losses[0].count, state)
