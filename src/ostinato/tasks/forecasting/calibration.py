"""Conformal correction: quantiles moved so that held-back values exceed each as often as it says.

Romano, Patterson and Candes 2019 for each quantile by itself. The correction is in units of the
in-sample seasonal error, so that series of any size share it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from ostinato.models.forecaster import LEVELS, MEDIAN, Forecaster
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.windows import Window

ERRORS_WANTED = 300  # for each step ahead; neighbouring steps are pooled until there are as many
CORRECTION_SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)  # of the correction of the quantiles
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


def choose_correction(errors: np.ndarray, later: np.ndarray) -> np.ndarray:
    """The correction [H, Q], or the share of it that is best on windows it was not measured on.

    Held-back windows may differ from those to come, as a summer does from a winter. So the
    correction is measured on the earlier windows of each series and tried on the later ones, and
    the other way round; of SHARES that of the lowest pinball loss is taken.

    Args:
        errors: As of `measure_correction`.
        later: Whether a window is one of the later ones [N]; see `split_windows`.
    """
    whole = measure_correction(errors)
    if later.all() or not later.any():
        return whole
    losses = np.zeros(len(CORRECTION_SHARES))
    for tried in (later, ~later):
        correction = measure_correction(errors[~tried])
        for place, share in enumerate(CORRECTION_SHARES):
            losses[place] += pinball_loss(errors[tried] - share * correction)
    return CORRECTION_SHARES[int(np.argmin(losses))] * whole


def pinball_loss(errors: np.ndarray) -> float:
    """The mean pinball loss of errors [N, H, Q]; 0 where there are none."""
    levels = np.array(LEVELS)
    losses = np.maximum(levels * errors, (levels - 1) * errors)
    return float(np.nanmean(losses)) if (~np.isnan(losses)).any() else 0.0


def split_windows(names: Sequence[str]) -> np.ndarray:
    """Which windows are the later half of those of their series [N]; of series with one window,
    every other series.

    Args:
        names: The series of each window, all windows of a series in the order of time.
    """
    counts = Counter(names)
    seen: Counter[str] = Counter()
    later, alone = np.zeros(len(names), dtype=bool), 0
    for place, name in enumerate(names):
        if counts[name] == 1:
            later[place] = alone % 2 == 1
            alone += 1
        else:
            later[place] = 2 * seen[name] >= counts[name]
            seen[name] += 1
    return later


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
