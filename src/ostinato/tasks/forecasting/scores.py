"""What the metrics count of a forecast, and where a network is no better than a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ostinato.metrics import METRICS
from ostinato.models.forecaster import LEVELS
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.windows import Window
from ostinato.tasks.prediction import Counts

METRIC_NAMES = ("mase", "smape", "mae", "mse", "crps", "coverage_80", "msis")
POINT_METRICS = ("mase", "smape", "mae", "mse")


def count_points(record: Window, points: np.ndarray, season: int) -> dict[str, Counts]:
    """What the metrics of point forecasts count of one window; missing values count nothing."""
    truth = record.future
    seen = ~np.isnan(truth)
    given, true = points[: len(truth)][seen], truth[seen]
    scale = record.series.seasonal_error(record.cut, season)
    return {
        "mase": METRICS["mase"].count(given, true, scale),  # type: ignore[call-arg]
        "smape": METRICS["smape"].count(given, true),
        "mae": METRICS["mae"].count(given.tolist(), true.tolist()),
        "mse": METRICS["mse"].count(given, true),
    }


def count_forecast(record: Window, forecast: Forecast, season: int) -> dict[str, Counts]:
    """What every metric counts of one window."""
    truth = record.future
    seen = np.flatnonzero(~np.isnan(truth))
    true = truth[seen]
    quantiles = {level: forecast.quantiles[seen, place] for place, level in enumerate(LEVELS)}
    scale = record.series.seasonal_error(record.cut, season)
    bounds = {level: tuple(each[seen] for each in forecast.interval(level)) for level in (80, 95)}
    return {
        **count_points(record, forecast.point, season),
        "crps": METRICS["crps"].count(quantiles, true),
        "coverage_80": METRICS["coverage_80"].count(bounds[80], true),
        "msis": METRICS["msis"].count(bounds[95], true, scale),  # type: ignore[call-arg]
    }


def errors_by_step(
    records: Sequence[Window], forecasts: Sequence[Forecast]
) -> dict[str, list[float]]:
    """The mean absolute error and the coverage of the 80 % interval of each step ahead."""
    horizon = max((len(forecast.quantiles) for forecast in forecasts), default=0)
    errors, inside, counts = np.zeros(horizon), np.zeros(horizon), np.zeros(horizon)
    for record, forecast in zip(records, forecasts, strict=True):
        truth = record.future
        seen = ~np.isnan(truth)
        steps = np.flatnonzero(seen)
        errors[steps] += np.abs(forecast.point[: len(truth)] - truth)[seen]
        low, high = (each[: len(truth)] for each in forecast.interval(80))
        inside[steps] += ((low <= truth) & (truth <= high))[seen]
        counts[steps] += 1
    shared = np.maximum(counts, 1)
    return {"mae": (errors / shared).tolist(), "coverage_80": (inside / shared).tolist()}


def judge(result: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """In words, whether the model is better than the best of the baselines, by the main metric."""
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
