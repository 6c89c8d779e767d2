"""Standardisation: each dimension of a series has mean 0 and variance 1 on the training data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Scaler:
    """Scaler.fit([[[1.0], [3.0]]])([[5.0]]) -> [[3.0]]: the mean is 2, the standard deviation 1.

    Args:
        mean: of each dimension [D].
        scale: the standard deviation of each dimension [D], 1 where it never changes.
    """

    def __init__(self, mean: Sequence[float] | np.ndarray, scale: Sequence[float] | np.ndarray):
        self.mean = np.asarray(mean, dtype=np.float64)
        self.scale = np.asarray(scale, dtype=np.float64)
        if (
            self.mean.shape != self.scale.shape
            or self.mean.ndim != 1
            or not (self.scale > 0).all()
            or not np.isfinite(self.mean).all()
        ):
            raise ValueError(
                "scaler: mean and scale must be as many finite numbers, the scale above 0"
            )

    @classmethod
    def fit(cls, series: Sequence[np.ndarray]) -> Scaler:
        """A scaler for series [T, D] of any lengths."""
        steps = np.concatenate([np.asarray(one, dtype=np.float64) for one in series])
        deviation = steps.std(0)
        changes = deviation > 1e-12 * np.maximum(1, np.abs(steps).max(0))
        return cls(steps.mean(0), np.where(changes, deviation, 1.0))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Values [T, D] -> standardised values [T, D] of float32."""
        return ((values - self.mean) / self.scale).astype(np.float32)

    @property
    def dimensions(self) -> int:
        """D."""
        return len(self.mean)

    def to_dict(self) -> dict[str, list[float]]:
        """What `from_dict` reads, as JSON can hold it."""
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Scaler:
        """The scaler that gave this by `to_dict`; ValueError for anything else."""
        try:
            return cls(content["mean"], content["scale"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"scaler: not what was saved: {error!r}") from None
