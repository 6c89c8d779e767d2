"""Naive forecasts, without fitting: the last value, the value a season ago, a straight line.

Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, section 5.2.
N series of any lengths [T]; H steps ahead.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def naive_forecast(histories: Sequence[np.ndarray], horizon: int, season: int = 1) -> np.ndarray:
    """The last value, H times: [N, H]."""
    return np.stack([np.full(horizon, history[-1]) for history in histories])


def seasonal_naive_forecast(
    histories: Sequence[np.ndarray], horizon: int, season: int
) -> np.ndarray:
    """The last season, over and over: [N, H]; the last value of a series shorter than a season.

    seasonal_naive_forecast([array([1, 2, 3, 4])], 3, season=2) -> [[3, 4, 3]]
    """
    steps = np.arange(horizon)
    return np.stack(
        [
            history[-season:][steps % season] if len(history) >= season else history[-1] + 0 * steps
            for history in histories
        ]
    ).astype(np.float64)


def drift_forecast(histories: Sequence[np.ndarray], horizon: int, season: int = 1) -> np.ndarray:
    """The line through the first and the last value (drift): [N, H].

    drift_forecast([array([1, 2, 3])], 2) -> [[4, 5]]
    """
    steps = np.arange(1, horizon + 1)
    slopes = [(history[-1] - history[0]) / max(1, len(history) - 1) for history in histories]
    return np.stack(
        [history[-1] + slope * steps for history, slope in zip(histories, slopes, strict=True)]
    )
