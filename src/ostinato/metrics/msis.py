"""Mean scaled interval score of 95 % intervals, M4's (Gneiting and Raftery 2007).

The width of the interval, and 40 times how far the true value lies outside, in units of the
in-sample seasonal naive error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

higher_is_better = False
bounds = (0.0, math.inf)
PENALTY = 2 / 0.05


def count(
    prediction: tuple[Sequence[float], Sequence[float]],
    reference: Sequence[float],
    scale: float = 1.0,
) -> tuple[float, float]:
    """(the summed scaled scores, the number of values).

    count(([0, 0], [2, 2]), [1, 3], scale=2.0) -> (22.0, 2): widths 2 and 2, one value outside by 1.
    A constant series, of scale 0, counts nothing.

    Raises:
        ValueError: Bounds and reference differ in length.
    """
    lows, highs = prediction
    if not len(lows) == len(highs) == len(reference):
        raise ValueError(
            f"msis needs bounds for each value; got {len(lows)} and {len(highs)} "
            f"for {len(reference)}"
        )
    if scale <= 0:
        return 0.0, 0.0
    below = np.maximum(np.subtract(lows, reference), 0)
    above = np.maximum(np.subtract(reference, highs), 0)
    total = (np.subtract(highs, lows) + PENALTY * (below + above)).sum()
    return float(total) / scale, float(len(reference))


def score(total: Sequence[float]) -> float:
    """score((22.0, 2)) -> 11.0; NaN where every series is constant."""
    summed, number = total
    return float(summed / number) if number else math.nan
