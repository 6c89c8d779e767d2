"""Bag of k-mers: counts of all 1- to k-mers of a DNA sequence, for logistic regression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np


class Kmers:
    """DNA sequences -> sparse feature vectors of k-mers, shorter ones first.

    Letters are 0 to 3; -1 is any other, and no k-mer contains it. Weighting as tf-idf of
    BagOfWords: counts times ln((1 + N) / (1 + sequences with it)) + 1, normalised to length 1.
    Feature 0 is padding, always with value 0.

    Args:
        idf: The inverse document frequency of each k-mer [count_kmers(longest)].
        longest: k.
    """

    def __init__(self, idf: Sequence[float] | np.ndarray, *, longest: int = 6):
        self.longest, self.idf = longest, np.asarray(idf, dtype=np.float64)
        if len(self.idf) != count_kmers(longest):
            raise ValueError(
                f"idf must have {count_kmers(longest)} values for k-mers of up to {longest}; "
                f"got {len(self.idf)}"
            )

    @classmethod
    def fit(cls, sequences: Iterable[np.ndarray], *, longest: int = 6) -> Kmers:
        """Counts k-mers of sequences of letters; raises ValueError if there is no sequence."""
        having, number = np.zeros(count_kmers(longest)), 0
        for letters in sequences:
            having[np.unique(encode_kmers(letters, longest))] += 1
            number += 1
        if not number:
            raise ValueError("a bag of k-mers needs sequences to count; got none")
        return cls(np.log((1 + number) / (1 + having)) + 1, longest=longest)

    def vector(self, letters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features and values of the k-mers of a sequence; ([0], [0.0]) if it has none."""
        indices, counts = np.unique(encode_kmers(letters, self.longest), return_counts=True)
        if not len(indices):
            return np.zeros(1, dtype=np.int64), np.zeros(1)
        values = counts * self.idf[indices]
        return indices, values / np.linalg.norm(values)

    def __len__(self) -> int:
        return len(self.idf) - 1

    def to_dict(self) -> dict[str, Any]:
        """Contents for JSON, read by from_dict."""
        return {"idf": self.idf.tolist(), "longest": self.longest}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Kmers:
        """Raises ValueError if `content` does not come from to_dict."""
        try:
            return cls(content["idf"], longest=int(content["longest"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"bag of k-mers: not what was saved: {error!r}") from None


def count_kmers(longest: int) -> int:
    """count_kmers(2) -> 1 + 4 + 16: feature 0 and all 1- to k-mers"""
    return sum(4**length for length in range(longest + 1))


def encode_kmers(letters: np.ndarray, longest: int) -> np.ndarray:
    """The features of all 1- to k-mers: encode_kmers([0, 1, -1], 2) -> [1, 2, 5 + 0 * 4 + 1]"""
    codes = np.zeros(len(letters) + 1, dtype=np.int64)
    known = np.ones(len(letters) + 1, dtype=bool)
    found, first = [], 1  # first: id of the first k-mer of this length
    for length in range(1, min(longest, len(letters)) + 1):
        codes = codes[:-1] * 4 + letters[length - 1 :]
        known = known[:-1] & (letters[length - 1 :] >= 0)
        found.append(codes[known] + first)
        first += 4**length
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
