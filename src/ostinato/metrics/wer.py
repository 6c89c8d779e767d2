"""Word error rate in per cent: 100 (substitutions + deletions + insertions) / words of the
reference.

It may exceed 100. White space counts as one space between words, as in jiwer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ostinato.metrics.edit_distance import count_edits, error_rate

higher_is_better = False
bounds = (0.0, math.inf)


def count(prediction: str, reference: str) -> tuple[int, int, int, int]:
    """(substitutions, deletions, insertions, words of the reference).

    count("a cat", "the cat sat") -> (1, 1, 0, 3)
    """
    words = reference.split()
    return *count_edits(prediction.split(), words), len(words)


def score(total: Sequence[float]) -> float:
    """score((1, 1, 0, 4)) -> 50.0"""
    return error_rate(total)


def details(total: Sequence[float]) -> dict[str, Any]:
    """The kinds of error, and the words of the references."""
    names = ("substitutions", "deletions", "insertions", "words")
    return dict(zip(names, map(int, total), strict=True))
