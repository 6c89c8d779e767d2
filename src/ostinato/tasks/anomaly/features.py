"""What is known of each step of a series before its value is: its past, standardised by its past.

T steps, D features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ostinato.data.series.time_series import TimeSeries, fill_missing
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.anomaly.reader import WARM_UP

CLIP = 10.0  # deviations
FEATURES = 8  # D: the last value, its change, the value a season ago, whether missing, the calendar
DAY = 86_400


class SeriesFeatures(NamedTuple):
    """The features of all steps of a series.

    Attributes:
        inputs: [T, D] float32, each from the steps before alone.
        targets: The standardised value of each step [T], NaN where missing or too early.
        mean, scale: What each step is standardised by, from the steps before it [T].
    """

    inputs: np.ndarray
    targets: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


def running_moments(values: np.ndarray, memory: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the last `memory` values before each step [T]; NaN are ignored.

    The running sums are of the values less the first one, so that rounding does not swallow a small
    deviation from a large level.
    """
    seen = ~np.isnan(values)
    first = values[seen][0] if seen.any() else 0.0
    centred = np.where(seen, values - first, 0.0)
    sums = [np.concatenate([[0.0], part.cumsum()]) for part in (centred, centred**2, seen * 1.0)]
    ends = np.arange(len(values))
    starts = np.maximum(0, ends - memory)
    total, squares, count = (part[ends] - part[starts] for part in sums)
    count = np.maximum(count, 1)
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0)
    return mean + first, np.sqrt(variance)


def make_features(options: AnomalyOptions, series: TimeSeries) -> SeriesFeatures:
    """The features of a series; those of a step depend on the steps before it alone."""
    values, length = series.values, len(series)
    mean, deviation = running_moments(values, options.memory)
    least = 1e-3 * np.abs(mean) + 1e-6
    scale = np.maximum(deviation, least)
    filled = fill_missing(values, "previous")
    if length and np.isnan(filled).all():
        filled = np.zeros(length)
    targets = ((values - mean) / scale).clip(-CLIP, CLIP)
    targets[:WARM_UP] = np.nan
    inputs = np.zeros((length, FEATURES), dtype=np.float32)
    season = season_of(options, series)

    def lagged(lag: int) -> np.ndarray:
        """The value `lag` steps before each step, standardised by what precedes the step."""
        found = np.zeros(length)
        found[lag:] = (filled[: length - lag] - mean[lag:]) / scale[lag:]
        return found.clip(-CLIP, CLIP)

    if length > 1:
        last, before = lagged(1), lagged(2)
        inputs[:, 0], inputs[:, 1] = last, last - before
        inputs[1:, 3] = np.isnan(values[:-1])
    if season > 1 and length > season:
        inputs[:, 2] = lagged(season)
    if series.axis.form.dated and length:
        times = series.times if series.times is not None else series.axis.times(0, length)
        day, week = 2 * np.pi * (times % DAY) / DAY, 2 * np.pi * (times % (7 * DAY)) / (7 * DAY)
        inputs[:, 4:] = np.stack([np.sin(day), np.cos(day), np.sin(week), np.cos(week)], 1)
    return SeriesFeatures(inputs, targets.astype(np.float32), mean, scale)


def season_of(options: AnomalyOptions, series: TimeSeries) -> int:
    """The season asked for, or the usual one of the frequency."""
    return options.season or series.axis.frequency.season
