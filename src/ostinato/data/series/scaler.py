"""Standardisation: every dimension of a series with mean 0 and variance 1, as measured on the training data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Scaler:
    """Scaler.fit([[[1.0], [3.0]]])([[5.0]]) -> [[3.0]]: what is fitted is the mean (2) and the standard deviation (1).

    A dimension that never changes is only shifted."""

    def __init__(self, mean: Sequence[float], scale: Sequence[float]):
        self.mean, self.scale = (
            np.asarray(mean, dtype=np.float64),
            np.asarray(scale, dtype=np.float64),
        )
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
        """From series [T, D] of any lengths."""
        steps = np.concatenate([np.asarray(one, dtype=np.float64) for one in series])
        deviation = steps.std(0)
        return cls(
            steps.mean(0),
            np.where(deviation > 1e-12 * np.maximum(1, np.abs(steps).max(0)), deviation, 1.0),
        )

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """[T, D] -> [T, D] of float32"""
        return ((values - self.mean) / self.scale).astype(np.float32)

    @property
    def dimensions(self) -> int:
        return len(self.mean)

    def to_dict(self) -> dict[str, list[float]]:
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Scaler:
        """ValueError where `content` is not what to_dict gave."""
        try:
            return cls(content["mean"], content["scale"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"scaler: not what was saved: {error!r}") from None
