"""Anomaly scores from errors or surprise, and alarms from scores, by the past of each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEAST_KNOWN = 50  # steps before the first score
LONGEST = 8000  # past steps that a step is compared with
SCALE = 23.02585093  # -log(1e-10), the smallest tail probability distinguished
# the score of three standard deviations: a threshold from few held-out steps may be far too low
LEAST_THRESHOLDS = {"error": 0.287, "surprise": 0.632}


class Recent(NamedTuple):
    """The last steps before each step, compared with the history before those.

    Attributes:
        deviations: Mean of the last steps minus the mean of the history, in standard deviations of
            the history [T].
        known: Number of values in the history [T].
        seen: Whether a step has a value [T].
    """

    deviations: np.ndarray
    known: np.ndarray
    seen: np.ndarray


def compare_recent(values: np.ndarray, smooth: int, longest: int, least_variance: float) -> Recent:
    """Compares the mean of the last `smooth` steps with the `longest` steps before them.

    Args:
        values: The values [T], NaN where missing.
        smooth: Number of steps averaged.
        longest: Maximum number of earlier steps they are compared with.
        least_variance: Lower bound on the variance, for series that hardly vary.
    """
    seen = ~np.isnan(values)
    known = np.where(seen, values, 0.0)
    sums = [np.concatenate([[0.0], part.cumsum()]) for part in (known, known**2, seen * 1.0)]
    ends = np.arange(1, len(values) + 1)
    recent = np.maximum(0, ends - smooth)
    long = np.maximum(0, recent - longest)
    count = np.maximum(sums[2][recent] - sums[2][long], 1)
    mean = (sums[0][recent] - sums[0][long]) / count
    variance = (sums[1][recent] - sums[1][long]) / count - mean**2
    now = (sums[0][ends] - sums[0][recent]) / np.maximum(sums[2][ends] - sums[2][recent], 1)
    deviations = (now - mean) / np.sqrt(np.maximum(variance, least_variance))
    return Recent(deviations, count, seen)


def score_errors(errors: np.ndarray, smooth: int) -> np.ndarray:
    """The anomaly likelihood of each step [T], from 0 to 1.

    The tail probability of the mean of the last `smooth` errors under a Gaussian of the errors
    before them, on NAB's logarithmic scale: -log(p + 1e-10) / 23.03
    (Lavin and Ahmad 2015, equations 4 to 6).

    Args:
        errors: Absolute errors of the expected values [T], NaN where missing.
        smooth: Steps averaged.
    """
    found = compare_recent(errors, smooth, LONGEST, 1e-3)
    tails = [0.5 * math.erfc(each / math.sqrt(2)) for each in found.deviations.tolist()]
    scores = (-np.log(np.array(tails) + 1e-10) / SCALE).clip(0, 1)
    scores[found.known < LEAST_KNOWN] = 0.0
    return np.where(found.seen, scores, 0.0)


def score_surprise(surprise: np.ndarray, smooth: int) -> np.ndarray:
    """How unusual the surprise of each step is compared with earlier steps [T], from 0 to 1.

    1 - exp(-d / 3), where d is the distance of the mean of the last `smooth` steps from the mean
    before them, in standard deviations; 0 below that mean.

    Args:
        surprise: -log p of each step [T], NaN where missing.
        smooth: Steps averaged.
    """
    found = compare_recent(surprise, smooth, 5000, 0.01)
    scores = 1 - np.exp(-np.maximum(found.deviations, 0) / 3)
    scores[found.known < LEAST_KNOWN] = 0.0
    return np.where(found.seen, scores, 0.0)


def find_alarms(
    scores: np.ndarray, threshold: float, hold_off: int, since: int | None = None
) -> np.ndarray:
    """Whether an alarm is raised at each step [T].

    A score at or above the threshold raises an alarm, unless one was raised in the `hold_off`
    steps before.

    Args:
        scores: The anomaly scores [T].
        threshold: The lowest score that raises an alarm.
        hold_off: Steps after an alarm without another.
        since: Steps from the last alarm to the first of these scores; None without an alarm so far.
    """
    alarms = np.zeros(len(scores), dtype=bool)
    last = -hold_off - 1 if since is None else -since
    for step in np.flatnonzero(scores >= threshold).tolist():
        if step - last > hold_off:
            alarms[step] = True
            last = step
    return alarms


def choose_threshold(scores: Sequence[np.ndarray], rate: float, hold_off: int) -> float:
    """The lowest positive threshold with at most `rate` alarms per step on these series.

    Args:
        scores: The anomaly scores [T] of each series.
        rate: Alarms per step.
        hold_off: Steps after an alarm without another.
    """
    steps = sum(map(len, scores))
    found = np.unique(np.concatenate([each[each > 0] for each in scores] or [np.zeros(0)]))
    if not len(found):
        return 1.0
    low, high = 0, len(found)  # binary search; len(found): no candidate has few enough alarms
    while low < high:
        middle = (low + high) // 2
        alarms = sum(int(find_alarms(each, found[middle], hold_off).sum()) for each in scores)
        if alarms <= rate * steps:
            high = middle
        else:
            low = middle + 1
    return float(found[low]) if low < len(found) else float(min(1.0, found[-1] + 1e-9))
