"""The scale of the values of a window, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ostinato.tasks.forecasting.scaling import measure_scale
from ostinato.tasks.forecasting.windows import Window


@dataclass(frozen=True)
class ValueScaler:
    """How the values of a series become inputs: (transform(value) - centre) / scale.

    Args:
        method: As of `measure_scale`; "log" takes logarithms first.
        smallest: The smallest training value, for logarithms.
        of_series: (centre, scale) of each training series by its name, where the scale is taken
            from whole series; None: from each window.
    """

    method: str
    smallest: float
    of_series: Mapping[str, tuple[float, float]] | None = None

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Values before they are scaled: themselves or their logarithms."""
        if self.method != "log":
            return values
        shifted = values + (self.smallest <= 0)
        # what was above 0 in training may not be so later
        return np.log(np.maximum(shifted, 1e-6))

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `transform`."""
        if self.method != "log":
            return values
        return np.exp(np.minimum(values, 700)) - (self.smallest <= 0)

    def measure(self, record: Window, observed: np.ndarray) -> tuple[float, float]:
        """(centre, scale) of a window.

        Args:
            record: The window.
            observed: Its transformed values, without missing ones.
        """
        if self.of_series is not None:
            known = self.of_series.get(record.series.name)
            if known is not None:
                return known
            observed = self.transform(record.history)
        return measure_scale(self.method, observed)
