"""Mean absolute error: how far numbers (stars of a rating, say) are from the true ones on average."""

from __future__ import annotations

import math
from collections.abc import Sequence

higher_is_better = False
bounds = (0.0, math.inf)


def count(
    prediction: float | Sequence[float], reference: float | Sequence[float]
) -> tuple[float, int]:
    """count(4, 5) -> (1.0, 1); count([1, 2], [1, 4]) -> (2.0, 2): the sum of the errors, and of how many.

    ValueError if two sequences have not the same length."""
    one, other = numbers(prediction), numbers(reference)
    if len(one) != len(other):
        raise ValueError(
            f"mae needs a number for each in the reference; got {len(one)} for {len(other)}"
        )
    return float(sum(abs(given - true) for given, true in zip(one, other, strict=True))), len(other)


def numbers(value: float | Sequence[float]) -> Sequence[float]:
    return value if isinstance(value, (list, tuple)) else [value]


def score(total: Sequence[float]) -> float:
    """score((2.0, 2)) -> 1.0; ValueError if there was nothing to be wrong about."""
    error, number = total
    if number == 0:
        raise ValueError("mae of no numbers is undefined")
    return float(error / number)
