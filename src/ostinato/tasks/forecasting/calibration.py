"""Conformal correction: quantiles moved so that held-back values exceed each as often as it says.

Romano, Patterson and Candes 2019 for each quantile by itself. The correction is in units of the
in-sample seasonal error, so that series of any size share it.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from ostinato.models.forecaster import LEVELS, MEDIAN

ERRORS_WANTED = (
    300  # for each step ahead; neighbouring steps are taken together until there are so many
)


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
        for place, level in enumerate(LEVELS):
            if place != MEDIAN:
                found[step, place] = conformal_quantile(near[..., place].ravel(), level)
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
