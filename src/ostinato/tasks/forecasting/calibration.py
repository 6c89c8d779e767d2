"""Conformal correction: shifts each quantile until held-out values exceed it at its nominal rate.

Romano, Patterson and Candes 2019, applied to each quantile separately. The correction is in units
of the in-sample seasonal error, so that it applies to series of any scale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from ostinato.models.forecaster import LEVELS, MEDIAN, Forecaster
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.windows import Window

ERRORS_WANTED = 300  # for each step ahead; with fewer, neighbouring steps are pooled
CORRECTION_SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)  # of the correction, tried by choose_correction
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a network's change to a reference forecast


def measure_correction(errors: np.ndarray) -> np.ndarray:
    """The correction for each step ahead and quantile level, [H, Q].

    Args:
        errors: (true value - quantile) / seasonal error [N, H, Q], NaN where the value is missing.
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
    """The correction [H, Q], scaled by the share that is best in cross-validation.

    Held-out windows may differ from future ones, as summer does from winter. So the correction is
    measured on the earlier windows of each series and applied to the later ones, and vice versa;
    the share of CORRECTION_SHARES with the lowest pinball loss is chosen.

    Args:
        errors: See `measure_correction` [N, H, Q].
        later: Whether each window is one of the later ones [N]; see `split_windows`.
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
    """The mean pinball loss of errors [N, H, Q]; 0 for no errors."""
    levels = np.array(LEVELS)
    losses = np.maximum(levels * errors, (levels - 1) * errors)
    return float(np.nanmean(losses)) if (~np.isnan(losses)).any() else 0.0


def split_windows(names: Sequence[str]) -> np.ndarray:
    """Whether each window is in the later half of its series' windows [N].

    Of series with a single window, every second one counts as later.

    Args:
        names: The series of each window; the windows of a series are in temporal order.
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
    """The empirical quantile of n errors at rank (n + 1) level, the conformal correction for finite
    samples.
    """
    errors = errors[~np.isnan(errors)]
    if len(errors) < 2:
        return 0.0
    count = len(errors)
    adjusted = level + (level - 0.5) / count
    return float(np.quantile(errors, min(1.0, max(0.0, adjusted))))


def measure_persistence(ranks: np.ndarray) -> float:
    """The autocorrelation at lag 1 of the normal scores of the true values.

    Args:
        ranks: The forecast's cumulative probability at each true value [N, H], NaN where missing.
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
    """(true value - quantile) / unit, [N, H, Q]; NaN where the value is missing.

    Args:
        records: Windows with a future.
        forecasts: Their uncorrected forecasts.
        units: The unit of each window; windows of unit 0 are left out.
        horizon: The horizon H.
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
    """The forecast's cumulative probability at each true value [N, H], NaN where missing."""
    ranks = np.full((len(records), horizon), np.nan)
    for row, (record, forecast) in enumerate(zip(records, forecasts, strict=True)):
        if len(forecast.quantiles):
            truth = record.future[:horizon]
            ranks[row, : len(truth)] = forecast.rank(truth)
    return ranks


def choose_share(network: Forecaster, score: Callable[[], float]) -> None:
    """Chooses the factor on a network's change to the reference forecast.

    Args:
        network: A network, or an ensemble of networks, with a buffer `share`.
        score: Measures the network on held-out windows; lower is better.
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
