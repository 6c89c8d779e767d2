"""The scaling of a window's values, and its inverse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ostinato.tasks.forecasting.scaling import measure_scale
from ostinato.tasks.forecasting.windows import Window


@dataclass(frozen=True)
class ValueScaler:
    """Scales the values of a series: (transform(value) - centre) / scale.

    Args:
        method: A method of `measure_scale`; "log" takes logarithms first.
        smallest: The smallest training value, for logarithms.
        of_series: Series name -> (centre, scale), if these are computed from whole training series;
            None: they are computed from each window.
    """

    method: str
    smallest: float
    of_series: Mapping[str, tuple[float, float]] | None = None

    def transform(self, values: np.ndarray) -> np.ndarray:
        """The values, or their logarithms with method "log"."""
        if self.method != "log":
            return values
        shifted = values + (self.smallest <= 0)
        # values that were positive in training may be 0 or negative later
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
            observed = self.transform(np.asarray(record.history))
        return measure_scale(self.method, observed)
