"""Mean absolute scaled error: errors in units of the in-sample seasonal naive error.

Hyndman and Koehler 2006. Below 1, a forecast is better than "as one season ago" was in the past.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

higher_is_better = False
bounds = (0.0, math.inf)


def count(
    prediction: Sequence[float], reference: Sequence[float], scale: float = 1.0
) -> tuple[float, float]:
    """(the sum of the scaled absolute errors, the number of values).

    count([1, 2], [1, 4], scale=2.0) -> (1.0, 2). A series whose scale is 0, a constant one, has no
    MASE and counts nothing.

    Raises:
        ValueError: Prediction and reference differ in length.
    """
    if len(prediction) != len(reference):
        raise ValueError(
            f"mase needs a forecast for each value; got {len(prediction)} for {len(reference)}"
        )
    if scale <= 0:
        return 0.0, 0.0
    errors = np.abs(np.subtract(prediction, reference)).sum()
    return float(errors) / scale, float(len(reference))


def score(total: Sequence[float]) -> float:
    """score((1.0, 2)) -> 0.5; NaN where every series is constant."""
    error, number = total
    return float(error / number) if number else math.nan
