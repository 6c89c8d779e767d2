"""The metric counts of forecasts, and the comparison of a network with the baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ostinato.metrics import METRICS, mae, mase, msis
from ostinato.models.forecaster import LEVELS
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.windows import Window
from ostinato.tasks.prediction import Counts

METRIC_NAMES = ("mase", "smape", "mae", "mse", "crps", "coverage_80", "msis")
POINT_METRICS = ("mase", "smape", "mae", "mse")


def count_points(record: Window, points: np.ndarray, season: int) -> dict[str, Counts]:
    """The counts of one window for metrics of point forecasts; missing values are left out."""
    truth = record.future[: len(points)]
    seen = ~np.isnan(truth)
    given, true = points[: len(truth)][seen], truth[seen]
    scale = record.series.seasonal_error(record.cut, season)
    return {
        "mase": mase.count(given, true, scale),
        "smape": METRICS["smape"].count(given, true),
        "mae": mae.count(given, true),
        "mse": METRICS["mse"].count(given, true),
    }


def count_forecast(record: Window, forecast: Forecast, season: int) -> dict[str, Counts]:
    """The counts of one window for every metric."""
    truth = record.future[: len(forecast.quantiles)]
    seen = np.flatnonzero(~np.isnan(truth))
    true = truth[seen]
    quantiles = {level: forecast.quantiles[seen, column] for column, level in enumerate(LEVELS)}
    scale = record.series.seasonal_error(record.cut, season)
    inside = [each[seen] for each in forecast.interval(80)]
    low, high = (each[seen].tolist() for each in forecast.interval(95))
    return {
        **count_points(record, forecast.point, season),
        "crps": METRICS["crps"].count(quantiles, true),
        "coverage_80": METRICS["coverage_80"].count(inside, true),
        "msis": msis.count((low, high), true.tolist(), scale),
    }


class ForecastTally:
    """Adds up, window by window, the error and coverage of each step ahead, the coverage of each
    interval, and the pinball loss of each quantile.

    Args:
        coverages: The coverages of the intervals, in percent.
    """

    def __init__(self, coverages: Sequence[float]):
        self.coverages = coverages
        self.errors, self.inside_80, self.counts = (np.zeros(0) for _ in range(3))
        self.inside, self.losses = np.zeros(len(coverages)), np.zeros(len(LEVELS))

    def add(self, records: Sequence[Window], forecasts: Sequence[Forecast]) -> None:
        """Adds windows with their forecasts."""
        for record, forecast in zip(records, forecasts, strict=True):
            self.add_window(record.future, forecast)

    def add_window(self, truth: np.ndarray, forecast: Forecast) -> None:
        """Adds one window: its true values, NaN where missing, and its forecast."""
        if (longer := len(forecast.quantiles) - len(self.counts)) > 0:
            self.errors, self.inside_80, self.counts = (
                np.pad(each, (0, longer)) for each in (self.errors, self.inside_80, self.counts)
            )
        truth = truth[: len(forecast.quantiles)]
        steps = np.flatnonzero(~np.isnan(truth))
        true, levels = truth[steps], np.array(LEVELS)

        def inside(coverage: float) -> np.ndarray:
            low, high = (each[steps] for each in forecast.interval(coverage))
            return (low <= true) & (true <= high)

        self.errors[steps] += np.abs(forecast.point[steps] - true)
        self.inside_80[steps] += inside(80)
        self.counts[steps] += 1
        self.inside += [inside(coverage).sum() for coverage in self.coverages]
        errors = true[:, None] - forecast.quantiles[steps]
        self.losses += np.maximum(levels * errors, (levels - 1) * errors).sum(0)

    def by_step(self) -> dict[str, list[float]]:
        """The mean absolute error and the coverage of the 80 % interval of each step ahead."""
        shared = np.maximum(self.counts, 1)
        return {
            "mae": (self.errors / shared).tolist(),
            "coverage_80": (self.inside_80 / shared).tolist(),
        }

    def calibration(self) -> dict[str, dict[str, float]]:
        """The empirical coverage of each interval and the mean pinball loss of each quantile.

        {"coverage": {"80": 0.79, ...}, "pinball": {"0.1": 2.1, ...}}
        """
        number = max(1.0, float(self.counts.sum()))
        coverage = zip(self.coverages, self.inside.tolist(), strict=True)
        pinball = zip(LEVELS, self.losses.tolist(), strict=True)
        return {
            "coverage": {f"{level:g}": round(each / number, 4) for level, each in coverage},
            "pinball": {f"{level:g}": float(f"{each / number:.5g}") for level, each in pinball},
        }

    def result(self) -> dict[str, Any]:
        """The results that an evaluation reports besides the scores."""
        return {"by_step": self.by_step(), "calibration": self.calibration()}


def judge(result: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """A sentence on whether the model is better than the best baseline, by the main metric."""
    metric = next(
        (
            name
            for name in ("mase", "mae")
            if result["metrics"].get(name) == result["metrics"].get(name)
        ),
        None,
    )
    beside = {
        each["name"]: each["metrics"].get(metric)
        for each in (baseline, *baseline.get("simpler", ()))
        if each["metrics"].get(metric) is not None
    }
    if metric is None or not beside:
        return ""
    name = min(beside, key=lambda each: beside[each])
    score, best = result["metrics"][metric], beside[name]
    _, high = result["intervals"].get(metric, (None, None))
    if not best:
        return ""
    share = f"{metric} {score:.4g} beside {best:.4g} of {name}"
    if score >= best:
        return f"The model is no better than the best simple method: {share}. Use that one."
    if high is None or high >= best:
        return (
            f"The model is hardly better than the best simple method: {share}, within the "
            "interval of its score."
        )
    return (
        f"The model is better than every simple method by {1 - score / best:.1%} or more: {share}."
    )
