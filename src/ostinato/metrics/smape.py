"""Symmetric mean absolute percentage error, M4's, from 0 to 200 (Makridakis et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

higher_is_better = False
bounds = (0.0, 200.0)


def count(prediction: Sequence[float], reference: Sequence[float]) -> tuple[float, float]:
    """(the sum of 200 |y - f| / (|y| + |f|), the number of values); 0 where both are 0.

    count([1, 2], [1, 4]) -> (66.67, 2)

    Raises:
        ValueError: Prediction and reference differ in length.
    """
    if len(prediction) != len(reference):
        raise ValueError(
            f"smape needs a forecast for each value; got {len(prediction)} for {len(reference)}"
        )
    sizes = np.abs(prediction) + np.abs(reference)
    errors = 200.0 * np.abs(np.subtract(prediction, reference)) / np.where(sizes > 0, sizes, 1.0)
    return float(errors.sum()), float(len(reference))


def score(total: Sequence[float]) -> float:
    """score((66.0, 2)) -> 33.0; raises ValueError if there are no values."""
    error, number = total
    if number == 0:
        raise ValueError("smape of no numbers is undefined")
    return float(error / number)
