"""Mean absolute error, of a rating for example."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

higher_is_better = False
bounds = (0.0, math.inf)


def count(
    prediction: float | Sequence[float], reference: float | Sequence[float]
) -> tuple[float, int]:
    """(the sum of the absolute errors, the number of values).

    count(4, 5) -> (1.0, 1);  count([1, 2], [1, 4]) -> (2.0, 2)

    Raises:
        ValueError: Two sequences differ in length.
    """
    if isinstance(prediction, np.ndarray) and np.shape(prediction) == np.shape(reference):
        return float(np.abs(prediction - np.asarray(reference)).sum()), int(np.size(reference))
    one, other = as_numbers(prediction), as_numbers(reference)
    if len(one) != len(other):
        raise ValueError(
            f"mae needs a number for each in the reference; got {len(one)} for {len(other)}"
        )
    return float(sum(abs(given - true) for given, true in zip(one, other, strict=True))), len(other)


def as_numbers(value: float | Sequence[float]) -> Sequence[float]:
    """A sequence of numbers as it is; one number as a sequence of one."""
    return value if isinstance(value, Sequence) else [value]


def score(total: Sequence[float]) -> float:
    """score((2.0, 2)) -> 1.0; raises ValueError if there are no values."""
    error, number = total
    if number == 0:
        raise ValueError("mae of no numbers is undefined")
    return float(error / number)
