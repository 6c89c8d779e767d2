"""The baselines of forecasting: Theta, seasonal naive, naive, drift, and a linear model of the
window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ostinato.models.forecaster import MEDIAN
from ostinato.models.linear_forecaster import LinearForecaster
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.forecasting.preprocessing import ForecastingPreprocessing
from ostinato.tasks.forecasting.scores import POINT_METRICS, count_points
from ostinato.tasks.forecasting.statistical import forecast_points
from ostinato.tasks.forecasting.windows import Window, series_of, stack_windows
from ostinato.tasks.prediction import Counts
from ostinato.tasks.task import Task

PIECE = 500  # windows in memory at a time
NAMES = {
    "theta": "Theta",
    "seasonal-naive": "seasonal naive",
    "naive": "last value",
    "drift": "drift",
}


class StatisticalBaseline(Baseline):
    """A method that needs no fitting.

    Args:
        method: One of `statistical.FORECASTS`.
        season: The seasonal period.
        simpler: Further baselines for the report.
    """

    def __init__(self, method: str, season: int, simpler: Sequence[Baseline] = ()):
        self.method, self.season, self.others = method, season, tuple(simpler)
        self.name = NAMES[method]

    @property
    def simpler(self) -> Sequence[Baseline]:
        return self.others

    def measure(self, records: Any) -> dict[str, list[Counts]]:
        counts: dict[str, list[Counts]] = {name: [] for name in POINT_METRICS}
        for start in range(0, len(records), PIECE):
            piece = records[start : start + PIECE]
            points = forecast_points(self.method, piece, self.season)
            add_counts(counts, piece, points, self.season)
        return counts

    def state(self) -> dict[str, Any]:
        return {"season": self.season}

    def tensors(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for each in self.others:
            found |= each.tensors()
        return found


class LinearBaseline(Baseline):
    """NLinear: a linear model of the window, scaled like the network's inputs."""

    name = "linear map"

    def __init__(
        self,
        preprocessing: ForecastingPreprocessing,
        weights: dict[str, Tensor],
    ):
        self.preprocessing, self.weights = preprocessing.without_reference(), weights
        options = preprocessing.options
        self.season = int(options.season or 1)
        network = LinearForecaster(int(options.look_back or 1), int(options.horizon or 1))
        network.weight.copy_(weights["weight"])
        network.bias.copy_(weights["bias"])
        self.network = network.eval()

    @torch.inference_mode()
    def measure(self, records: Any) -> dict[str, list[Counts]]:
        counts: dict[str, list[Counts]] = {name: [] for name in POINT_METRICS}
        for start in range(0, len(records), PIECE):
            piece = records[start : start + PIECE]
            encoded = [self.preprocessing.encoder.encode_window(record) for record in piece]
            raw = self.network.quantiles(stack_windows(encoded))[..., MEDIAN].double().numpy()
            points = np.stack(
                [
                    self.preprocessing.scaler.inverse(row * each.scale + each.shift)
                    for row, each in zip(raw, encoded, strict=True)
                ]
            )
            add_counts(counts, piece, points, self.season)
        return counts

    def state(self) -> dict[str, Any]:
        return {}

    def tensors(self) -> dict[str, Tensor]:
        return self.weights


def add_counts(
    counts: dict[str, list[Counts]], records: Sequence[Window], points: np.ndarray, season: int
) -> None:
    """Appends the metric counts of point forecasts [N, H] to `counts`."""
    for record, row in zip(records, points, strict=True):
        for name, each in count_points(record, row, season).items():
            counts[name].append(each)


def assemble(
    preprocessing: ForecastingPreprocessing, weights: dict[str, Tensor] | None
) -> StatisticalBaseline:
    """Builds Theta, with the other methods as simpler baselines."""
    season = int(preprocessing.options.season or 1)
    methods = ("seasonal-naive", "naive", "drift") if season > 1 else ("naive", "drift")
    others: list[Baseline] = [StatisticalBaseline(method, season) for method in methods]
    if weights:
        others.append(LinearBaseline(preprocessing, weights))
    return StatisticalBaseline("theta", season, others)


def fit_baseline(task: Task, records: Sequence[Window]) -> Baseline:
    """Builds the baselines, and fits the linear model to the training series."""
    preprocessing: ForecastingPreprocessing = task.preprocessing
    if preprocessing.options.statistical:
        return assemble(preprocessing, None)
    return assemble(preprocessing, preprocessing.fit_linear(series_of(records)))


def restore_baseline(task: Task, state: dict[str, Any]) -> Baseline:
    """Restores the baseline from its `state()`."""
    return assemble(task.preprocessing, state.get("tensors"))
