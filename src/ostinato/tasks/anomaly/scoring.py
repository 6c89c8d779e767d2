"""From surprise to scores and alarms, step by step: each depends on the past alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEAST_KNOWN = 50  # steps before the first score
LONGEST = 5000  # steps of surprise that a step is compared with


def score_surprise(surprise: np.ndarray, smooth: int) -> np.ndarray:
    """How unusual the surprise of the last steps is among the surprise before them [T], from 0
    to 1.

    The mean of the last `smooth` steps, in deviations from the mean of all before, as 1 -
    exp(-d / 3).

    Args:
        surprise: -log p of each step, NaN where it has none.
        smooth: Steps averaged.
    """
    seen = ~np.isnan(surprise)
    values = np.where(seen, surprise, 0.0)
    sums = [np.concatenate([[0.0], part.cumsum()]) for part in (values, values**2, seen * 1.0)]
    ends = np.arange(1, len(values) + 1)
    recent = np.maximum(0, ends - smooth)
    long = np.maximum(0, recent - LONGEST)
    count = np.maximum(sums[2][recent] - sums[2][long], 1)
    mean = (sums[0][recent] - sums[0][long]) / count
    variance = (sums[1][recent] - sums[1][long]) / count - mean**2
    now = (sums[0][ends] - sums[0][recent]) / np.maximum(sums[2][ends] - sums[2][recent], 1)
    deviations = (now - mean) / np.sqrt(np.maximum(variance, 0.01))
    scores = 1 - np.exp(-np.maximum(deviations, 0) / 3)
    scores[count < LEAST_KNOWN] = 0.0
    return np.where(seen, scores, 0.0)


def find_alarms(scores: np.ndarray, threshold: float, hold_off: int) -> np.ndarray:
    """Whether there is an alarm at each step [T]: at or above the threshold, `hold_off` steps
    after the last.
    """
    alarms = np.zeros(len(scores), dtype=bool)
    last = -hold_off - 1
    for step in np.flatnonzero(scores >= threshold):
        if step - last > hold_off:
            alarms[step] = True
            last = step
    return alarms


def choose_threshold(scores: Sequence[np.ndarray], rate: float, hold_off: int) -> float:
    """The lowest threshold with at most `rate` alarms a step on these series, above 0."""
    steps = sum(map(len, scores))
    found = np.unique(np.concatenate([each[each > 0] for each in scores] or [np.zeros(0)]))
    if not len(found):
        return 1.0
    low, high = 0, len(found)  # found[high - 1] or more is low enough; len(found): none
    while low < high:
        middle = (low + high) // 2
        alarms = sum(int(find_alarms(each, found[middle], hold_off).sum()) for each in scores)
        if alarms <= rate * steps:
            high = middle
        else:
            low = middle + 1
    return float(found[low]) if low < len(found) else float(min(1.0, found[-1] + 1e-9))
