"""Principal component analysis: the linear code with the least squared error, by eigenvectors.

Source: Pearson, 1901; Hotelling, 1933. Letters: D input, K components, N examples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class PrincipalComponents(NamedTuple):
    """The components of inputs with mean 0.

    Attributes:
        basis: The first K eigenvectors of the covariance, a row each [K, D].
        eigenvalues: All D of them, in descending order.
    """

    basis: np.ndarray
    eigenvalues: np.ndarray

    @classmethod
    def fit(cls, covariance: np.ndarray, code: int) -> PrincipalComponents:
        """The components of a covariance [D, D]."""
        values, vectors = np.linalg.eigh(covariance)  # ascending
        return cls(vectors.T[::-1][:code].copy(), np.maximum(values[::-1], 0.0))

    def encode(self, x: np.ndarray) -> np.ndarray:
        """[N, D] -> [N, K]"""
        return x @ self.basis.T

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """[N, K] -> [N, D]"""
        return codes @ self.basis

    @property
    def discarded(self) -> float:
        """The sum of the eigenvalues that are left out: the squared error of a training example."""
        return float(self.eigenvalues[len(self.basis) :].sum())
