"""The features of each step of a series: the values before it, standardised by their own mean
and standard deviation. No feature depends on the step itself or on later ones.

T steps, D features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ostinato.data.series.time_series import TimeSeries, fill_missing
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.anomaly.reader import WARM_UP

CLIP = 10.0  # standard deviations
FEATURES = 8  # D: last value and its change, value a season ago, missing or not, calendar
DAY = 86_400


class SeriesFeatures(NamedTuple):
    """The features of all steps of a series.

    Attributes:
        inputs: The features [T, D] float32; those of a step depend on earlier steps only.
        targets: The standardised value of each step [T], NaN where missing or too early.
        mean, scale: The mean and the scale by which each step is standardised [T], computed from
            the steps before it.
    """

    inputs: np.ndarray
    targets: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


def running_moments(values: np.ndarray, memory: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the last `memory` values before each step [T], ignoring NaN.

    The first value is subtracted before the running sums, so that rounding does not swallow small
    variations around a large level.
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
    """Computes the features of a series; those of a step depend on earlier steps only."""
    values, length = np.asarray(series.values), len(series)
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
        """The value `lag` steps before each step, with the mean and scale of that step [T]."""
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
        given = series.times
        times = series.axis.times(0, length) if given is None else np.asarray(given)
        day, week = 2 * np.pi * (times % DAY) / DAY, 2 * np.pi * (times % (7 * DAY)) / (7 * DAY)
        inputs[:, 4:] = np.stack([np.sin(day), np.cos(day), np.sin(week), np.cos(week)], 1)
    return SeriesFeatures(inputs, targets.astype(np.float32), mean, scale)


def season_of(options: AnomalyOptions, series: TimeSeries) -> int:
    """The season in steps: as given, or that of the series' frequency."""
    return options.season or series.axis.frequency.season
