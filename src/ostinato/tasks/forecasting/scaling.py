"""Centre and scale of values, by the methods of the option `scaling`."""

from __future__ import annotations

import math

import numpy as np


def measure_scale(how: str, values: np.ndarray) -> tuple[float, float]:
    """Computes (centre, scale); the network reads (value - centre) / scale.

    measure_scale("mean", [1, 3]) -> (0, 2);  measure_scale("standard", [1, 3]) -> (2, 1)

    Args:
        how: "mean" (of the absolute values), "standard" (mean and standard deviation),
            "robust" (median and quartiles), "log" (of logarithms: their mean, and scale 1), or
            "none".
        values: The values before the cut; NaN are ignored.
    """
    values = values[~np.isnan(values)]
    if how == "none" or not len(values):
        return 0.0, 1.0
    if how == "mean":
        return 0.0, positive(float(np.abs(values).mean()), 1.0)
    if how == "log":
        return float(values.mean()), 1.0
    if how == "robust":
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        return float(middle), positive(float(high - low) / 1.349, float(values.std()))
    centre = float(values.mean())
    # as values.std(), which computes the mean once more
    deviation = math.sqrt(float(np.square(values - centre).mean()))
    return centre, positive(deviation, abs(centre))


def positive(scale: float, otherwise: float) -> float:
    """The scale, or if it is 0 up to rounding `otherwise`, or if that is 0 too, 1."""
    if scale > 1e-9 * max(1e-12, abs(otherwise)):
        return scale
    return otherwise if otherwise > 0 else 1.0
