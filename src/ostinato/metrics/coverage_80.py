"""Coverage: the share of true values inside the 80 % intervals. 0.8 is right.

More is too wide rather than better; the name says what it should be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

higher_is_better = True
bounds = (0.0, 1.0)


def count(
    prediction: tuple[Sequence[float], Sequence[float]], reference: Sequence[float]
) -> tuple[float, float]:
    """(the number of values inside, the number of values).

    count(([0, 0], [2, 2]), [1, 3]) -> (1, 2)

    Raises:
        ValueError: Bounds and reference differ in length.
    """
    lows, highs = prediction
    if not len(lows) == len(highs) == len(reference):
        raise ValueError(
            f"coverage needs bounds for each value; got {len(lows)} and {len(highs)} "
            f"for {len(reference)}"
        )
    inside = (np.less_equal(lows, reference) & np.less_equal(reference, highs)).sum()
    return float(inside), float(len(reference))


def score(total: Sequence[float]) -> float:
    """score((1, 2)) -> 0.5; raises ValueError if there are no values."""
    inside, number = total
    if number == 0:
        raise ValueError("coverage of no numbers is undefined")
    return float(inside / number)
