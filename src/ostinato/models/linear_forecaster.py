"""A linear map of the window (NLinear, Zeng et al. 2023). Letters as in `models.forecaster`."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ostinato.data.batching.batch import Batch
from ostinato.models.forecaster import LEVELS, Forecaster


class LinearForecaster(Forecaster):
    """A linear map of the window, the same number for every quantile: NLinear, fitted in
    closed form.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, look_back: int, horizon: int):
        super().__init__(look_back, horizon)
        self.register_buffer("weight", torch.zeros(horizon, look_back))
        self.register_buffer("bias", torch.zeros(horizon))

    def quantiles(self, batch: Batch) -> Tensor:
        points = functional.linear(batch.inputs[:, : self.look_back, 0], self.weight, self.bias)
        return points.unsqueeze(-1).expand(-1, -1, len(LEVELS))
