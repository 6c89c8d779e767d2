"""Nearest neighbour: predicts the answer of the training example with the closest vector."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class NearestNeighbour:
    """NearestNeighbour([[1, 0], [0, 1]], ["a", "b"]).answer([[0.9, 0.1]]) -> ["a"]

    The distance is Euclidean, on vectors [N, D] in half precision; ties go to the first.
    """

    def __init__(self, vectors: np.ndarray, answers: Sequence[str]):
        self.vectors, self.answers = np.asarray(vectors, dtype=np.float16), list(answers)
        if (
            self.vectors.ndim != 2
            or len(self.vectors) != len(self.answers)
            or not len(self.answers)
        ):
            raise ValueError(
                "vectors must be [N, D] with an answer each; "
                f"got {list(self.vectors.shape)} and {len(self.answers)} answers"
            )

    def answer(self, vectors: np.ndarray) -> list[str]:
        """The answer of the nearest neighbour of each vector [M, D]."""
        known = self.vectors.astype(np.float32)  # [N, D]
        queries = np.asarray(vectors, dtype=np.float16).astype(np.float32)
        squares = (known**2).sum(1)
        # |q - k|^2 = |q|^2 - 2 q.k + |k|^2, in which |q|^2 does not affect the minimum
        found = [
            (squares - 2 * (rows @ known.T)).argmin(1)
            for rows in np.array_split(queries, max(1, len(queries) // 256))
        ]
        return [self.answers[index] for index in np.concatenate(found).tolist()]

    def to_dict(self) -> dict[str, Any]:
        """Contents for JSON, read by from_dict."""
        return {
            "shape": list(self.vectors.shape),
            "vectors": base64.b64encode(self.vectors.astype("<f2").tobytes()).decode(),
            "answers": self.answers,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> NearestNeighbour:
        """Raises ValueError if `content` does not come from to_dict."""
        try:
            numbers = np.frombuffer(base64.b64decode(content["vectors"]), dtype="<f2")
            return cls(numbers.reshape(content["shape"]), content["answers"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"nearest neighbour: not what was saved: {error!r}") from None
