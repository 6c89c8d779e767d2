"""Conformal correction: quantiles moved so that held-back values exceed each as often as it says.

Romano, Patterson and Candes 2019 for each quantile by itself. The correction is in units of the
in-sample seasonal error, so that series of any size share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from ostinato.models.forecaster import LEVELS, MEDIAN, Forecaster
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.windows import Window

ERRORS_WANTED = 300  # for each step ahead; neighbouring steps are pooled until there are as many
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a network's correction of a reference forecast


def measure_correction(errors: np.ndarray) -> np.ndarray:
    """The correction of each step ahead and level, [H, Q].

    Args:
        errors: (true value - quantile) / seasonal error [N, H, Q], NaN where there is no value.
    """
    number, horizon, _ = errors.shape
    half = min(horizon, max(0, -(-ERRORS_WANTED // max(1, number)) // 2))
    found = np.zeros((horizon, len(LEVELS)))
    for step in range(horizon):
        near = errors[:, max(0, step - half) : step + half + 1]
        for column, level in enumerate(LEVELS):
            if column != MEDIAN:
                found[step, column] = conformal_quantile(near[..., column].ravel(), level)
    return found


def conformal_quantile(errors: np.ndarray, level: float) -> float:
    """The quantile of the errors, a little outwards for a small sample: (n + 1) level of n."""
    errors = errors[~np.isnan(errors)]
    if len(errors) < 2:
        return 0.0
    count = len(errors)
    adjusted = level + (level - 0.5) / count
    return float(np.quantile(errors, min(1.0, max(0.0, adjusted))))


def measure_persistence(ranks: np.ndarray) -> float:
    """The correlation of the normal scores of consecutive steps of a forecast.

    Args:
        ranks: The probability below each true value by its forecast [N, H], NaN where unknown.
    """
    normal = NormalDist()
    clipped = ranks.clip(0.01, 0.99)
    scores = np.array(
        [[normal.inv_cdf(value) if value == value else np.nan for value in row] for row in clipped]
    )
    if scores.shape[1] < 2:
        return 0.0
    before, after = scores[:, :-1].ravel(), scores[:, 1:].ravel()
    both = ~(np.isnan(before) | np.isnan(after))
    if both.sum() < 10 or before[both].std() == 0 or after[both].std() == 0:
        return 0.0
    return float(np.corrcoef(before[both], after[both])[0, 1].clip(0, 0.999))


def measure_errors(
    records: Sequence[Window], forecasts: Sequence[Forecast], units: Sequence[float], horizon: int
) -> np.ndarray:
    """(true value - quantile) / unit [N, H, Q], NaN where there is no value.

    Args:
        records: Windows with a future.
        forecasts: Theirs, uncorrected.
        units: The unit of each; 0 leaves a window out.
        horizon: H.
    """
    errors = np.full((len(records), horizon, len(LEVELS)), np.nan)
    for row, (record, forecast, unit) in enumerate(zip(records, forecasts, units, strict=True)):
        truth = record.future[:horizon]
        if unit > 0 and len(forecast.quantiles):
            errors[row, : len(truth)] = (truth[:, None] - forecast.quantiles[: len(truth)]) / unit
    return errors


def rank_futures(
    records: Sequence[Window], forecasts: Sequence[Forecast], horizon: int
) -> np.ndarray:
    """The probability below each true value by its forecast [N, H], NaN where unknown."""
    ranks = np.full((len(records), horizon), np.nan)
    for row, (record, forecast) in enumerate(zip(records, forecasts, strict=True)):
        if len(forecast.quantiles):
            truth = record.future[:horizon]
            ranks[row, : len(truth)] = forecast.rank(truth)
    return ranks


def choose_share(network: Forecaster, score: Callable[[], float]) -> None:
    """Sets how much of its correction of the reference forecast a network applies.

    Args:
        network: With a buffer `share` in itself or its members.
        score: What is to be minimised: measures the network on held-back windows.
    """
    shares = [
        each.share
        for each in network.modules()
        if isinstance(each, Forecaster) and each.share is not None
    ]
    scores = {}
    for share in SHARES:
        for each in shares:
            each.fill_(share)
        scores[share] = score()
    best = min(scores, key=lambda share: scores[share])
    for each in shares:
        each.fill_(best)
