"""Mean squared error."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

higher_is_better = False
bounds = (0.0, math.inf)


def count(prediction: Sequence[float], reference: Sequence[float]) -> tuple[float, float]:
    """(the sum of the squared errors, the number of values): count([1, 2], [1, 4]) -> (4.0, 2).

    Raises:
        ValueError: Prediction and reference differ in length.
    """
    if len(prediction) != len(reference):
        raise ValueError(
            f"mse needs a forecast for each value; got {len(prediction)} for {len(reference)}"
        )
    errors = np.square(np.subtract(prediction, reference, dtype=np.float64)).sum()
    return float(errors), float(len(reference))


def score(total: Sequence[float]) -> float:
    """score((4.0, 2)) -> 2.0; raises ValueError if there are no values."""
    error, number = total
    if number == 0:
        raise ValueError("mse of no numbers is undefined")
    return float(error / number)
