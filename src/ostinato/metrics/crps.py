"""Continuous ranked probability score of forecasts given as quantiles, in units of the series.

It is twice the integral of the pinball loss over all levels (Gneiting and Raftery 2007); of a
single number it is the absolute error. The integral is taken by the trapezoid rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

higher_is_better = False
bounds = (0.0, math.inf)


def weights(levels: Sequence[float]) -> list[float]:
    """The share of the integral from 0 to 1 that each level stands for; they add up to 1.

    weights([0.1, 0.5, 0.9]) -> [0.3, 0.4, 0.3]
    """
    inner = [(low + high) / 2 for low, high in zip(levels, levels[1:], strict=False)]
    edges = [0.0, *inner, 1.0]
    return [high - low for low, high in zip(edges, edges[1:], strict=False)]


def count(
    prediction: Mapping[float, Sequence[float]], reference: Sequence[float]
) -> tuple[float, float]:
    """(the summed scores, the number of values).

    count({0.5: [1.0, 2.0]}, [1.0, 4.0]) -> (2.0, 2): of one level, the absolute error.

    Raises:
        ValueError: A quantile and the reference differ in length.
    """
    levels = sorted(prediction)
    for level in levels:
        if len(prediction[level]) != len(reference):
            raise ValueError(
                "crps needs a quantile for each value; "
                f"got {len(prediction[level])} for {len(reference)}"
            )
    errors = np.subtract(reference, np.stack([prediction[level] for level in levels]))
    column, shares = np.array(levels)[:, None], np.array(weights(levels))
    losses = np.maximum(column * errors, (column - 1) * errors).sum(1)
    return float(2 * (shares * losses).sum()), float(len(reference))


def score(total: Sequence[float]) -> float:
    """score((2.0, 2)) -> 1.0; raises ValueError if there are no values."""
    error, number = total
    if number == 0:
        raise ValueError("crps of no numbers is undefined")
    return float(error / number)
