"""From surprise to scores and alarms, step by step: each depends on the past alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEAST_KNOWN = 50  # steps before the first score
LONGEST = 8000  # steps that a step is compared with
SCALE = 23.02585093  # -log of the smallest tail probability that is told apart, 1e-10
# the score of three deviations: what few held-back steps show is no lower bound for a threshold
LEAST_THRESHOLDS = {"error": 0.287, "surprise": 0.632}


class Recent(NamedTuple):
    """The last steps of a series beside those before them.

    Attributes:
        deviations: Of the mean of the last steps from that of those before [T].
        known: How many of the steps before that have a value [T].
        seen: Whether a step has a value [T].
    """

    deviations: np.ndarray
    known: np.ndarray
    seen: np.ndarray


def compare_recent(values: np.ndarray, smooth: int, longest: int, least_variance: float) -> Recent:
    """The mean of the last `smooth` steps in deviations from those before them, `longest` at most.

    Args:
        values: [T], NaN where a step has none.
        smooth: Steps averaged.
        longest: Steps that they are compared with.
        least_variance: Of these, for series that hardly vary.
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
    """The anomaly likelihood of the last steps [T], from 0 to 1 (Lavin and Ahmad 2015, equations 4
    to 6).

    The tail probability of the mean of the last `smooth` errors under a Gaussian of the errors
    before them, on NAB's logarithmic scale: -log(p + 1e-10) / 23.03.

    Args:
        errors: Absolute errors of what was expected, NaN where a step has none.
        smooth: Steps averaged.
    """
    found = compare_recent(errors, smooth, LONGEST, 1e-3)
    tails = [0.5 * math.erfc(each / math.sqrt(2)) for each in found.deviations.tolist()]
    scores = (-np.log(np.array(tails) + 1e-10) / SCALE).clip(0, 1)
    scores[found.known < LEAST_KNOWN] = 0.0
    return np.where(found.seen, scores, 0.0)


def score_surprise(surprise: np.ndarray, smooth: int) -> np.ndarray:
    """How unusual the surprise of the last steps is among the surprise before them [T], from 0 to
    1.

    The mean of the last `smooth` steps, in deviations from the mean of all before, as 1 -
    exp(-d / 3).

    Args:
        surprise: -log p of each step, NaN where it has none.
        smooth: Steps averaged.
    """
    found = compare_recent(surprise, smooth, 5000, 0.01)
    scores = 1 - np.exp(-np.maximum(found.deviations, 0) / 3)
    scores[found.known < LEAST_KNOWN] = 0.0
    return np.where(found.seen, scores, 0.0)


def find_alarms(
    scores: np.ndarray, threshold: float, hold_off: int, since: int | None = None
) -> np.ndarray:
    """Whether there is an alarm at each step [T]: at or above the threshold, `hold_off` steps after
    the last.

    Args:
        scores: [T]
        threshold: From which on there is an alarm.
        hold_off: Steps after an alarm without another.
        since: Steps from the last alarm before these scores to the first of them; None for none.
    """
    alarms = np.zeros(len(scores), dtype=bool)
    last = -hold_off - 1 if since is None else -since
    for step in np.flatnonzero(scores >= threshold).tolist():
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
