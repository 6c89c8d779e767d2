"""Statistical methods with the interface of a network: naive, seasonal naive, drift, Theta.
They read the history of each window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ostinato.baselines.naive_forecasts import (
    drift_forecast,
    naive_forecast,
    seasonal_naive_forecast,
)
from ostinato.baselines.theta import forecast_theta
from ostinato.data.batching.batch import Batch
from ostinato.data.series.time_series import fill_missing
from ostinato.models.forecaster import LEVELS, Forecaster
from ostinato.tasks.forecasting.windows import Window

FORECASTS: dict[str, Callable[[Sequence[np.ndarray], int, int], np.ndarray]] = {
    "naive": naive_forecast,
    "seasonal-naive": seasonal_naive_forecast,
    "drift": drift_forecast,
    "theta": forecast_theta,
}
MOST_STEPS = 1000  # steps of the history that are read


class StatisticalForecaster(Forecaster):
    """Applies a method of FORECASTS to unscaled windows; every quantile is the point forecast."""

    def __init__(self, name: str, look_back: int, horizon: int, season: int):
        super().__init__(look_back, horizon)
        self.name, self.season = name, season

    def quantiles(self, batch: Batch) -> Tensor:
        window = batch.inputs[:, : self.look_back]
        values, seen = window[..., 0].double().numpy(), window[..., 1].numpy() > 0
        histories = [
            trim(np.where(there, row, np.nan)) for row, there in zip(values, seen, strict=True)
        ]
        points = FORECASTS[self.name](histories, self.horizon, self.season)
        found = torch.from_numpy(points).to(batch.inputs)
        return found.unsqueeze(-1).expand(-1, -1, len(LEVELS))


def trim(values: np.ndarray) -> np.ndarray:
    """The last MOST_STEPS values, without missing ones at the beginning and with gaps filled
    linearly; [0] if all are missing.
    """
    seen = np.flatnonzero(~np.isnan(values))
    if not len(seen):
        return np.zeros(1)
    return fill_missing(values[seen[0] :][-MOST_STEPS:], "linear")


def forecast_points(name: str, records: Sequence[Window], season: int) -> np.ndarray:
    """Point forecasts [N, H] of a method of FORECASTS for windows of one horizon."""
    histories = [trim(record.history[-MOST_STEPS:]) for record in records]
    return FORECASTS[name](histories, records[0].horizon, season)
