"""The Numenta Anomaly Benchmark's score, standard profile (Lavin and Ahmad 2015): at most 100.

An alarm inside a window of true anomalies counts the more the earlier it is, once a window; a
window without one costs 1, a false alarm up to 0.11. 0 is the score of no alarm at all, 100
that of one at the first point of every window. The benchmark's first 15 % of a series are for
its caller to leave out of alarms and windows; `probation` says how many there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

higher_is_better = True
bounds = (-math.inf, 100.0)
FALSE_ALARM = 0.11
FAR = 3.0  # windows' widths after a window, from which on an alarm costs all that it can


def sigmoid(position: float) -> float:
    """The weight of an alarm, from 1 to -1; position -1 is a window's begin, 0 its end."""
    return -1.0 if position > FAR else 2 / (1 + math.exp(5 * position)) - 1


def find_windows(labels: Sequence[bool]) -> list[tuple[int, int]]:
    """The first and last step of each run of labels: find_windows([0, 1, 1]) -> [(1, 2)]"""
    found, start = [], None
    for step, label in enumerate([*labels, False]):
        if label and start is None:
            start = step
        elif not label and start is not None:
            found.append((start, step - 1))
            start = None
    return found


def weigh_step(step: int, windows: Sequence[tuple[int, int]]) -> tuple[int | None, float]:
    """(the window that a step is in, or None, what an alarm there counts)."""
    previous = None
    for number, (start, end) in enumerate(windows):
        if start <= step <= end:
            width = end - start + 1
            return number, sigmoid(-(end - step + 1) / width) / sigmoid(-1.0)
        if end < step:
            previous = (start, end)
    if previous is None:
        return None, -FALSE_ALARM
    start, end = previous
    position = (step - end) / max(1, end - start)
    return None, FALSE_ALARM * sigmoid(position)


def count(
    prediction: Sequence[bool], reference: Sequence[bool], probation: int = 0
) -> tuple[float, float]:
    """(the raw score above that of no alarm, the number of windows) of one series.

    count([1, 0], [1, 1]) -> (2.0, 1): 1 for the alarm, and 1 that its absence would cost.

    Args:
        prediction: Whether there is an alarm at each step.
        reference: Whether each step is in a window.
        probation: Steps at the beginning whose alarms count nothing.

    Raises:
        ValueError: They differ in length.
    """
    if len(prediction) != len(reference):
        raise ValueError(
            f"nab needs an alarm for each label; got {len(prediction)} for {len(reference)}"
        )
    windows = find_windows(reference)
    best: dict[int, float] = {}
    false_alarms = 0.0
    for step in (step for step, alarm in enumerate(prediction) if alarm and step >= probation):
        window, weight = weigh_step(step, windows)
        if window is None:
            false_alarms += weight
        else:
            best[window] = max(best.get(window, -1.0), weight)
    return float(sum(best.values()) + len(best) + false_alarms), float(len(windows))


def score(total: Sequence[float]) -> float:
    """score((2.0, 1)) -> 100.0; without any window, as with one."""
    raw, windows = total
    return min(100.0, 100.0 * float(raw) / (2.0 * max(1.0, float(windows))))
