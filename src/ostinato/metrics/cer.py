"""Character error rate in per cent: 100 (substitutions + deletions + insertions) / characters
of the reference.

It may exceed 100. White space counts as one space between words, as in jiwer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ostinato.metrics.edit_distance import count_edits, error_rate

higher_is_better = False
bounds = (0.0, math.inf)


def count(prediction: str, reference: str) -> tuple[int, int, int, int]:
    """(substitutions, deletions, insertions, characters of the reference).

    count("cat", "cart") -> (0, 1, 0, 4)
    """
    characters = list(" ".join(reference.split()))
    return *count_edits(list(" ".join(prediction.split())), characters), len(characters)


def score(total: Sequence[float]) -> float:
    """score((1, 1, 0, 4)) -> 50.0"""
    return error_rate(total)


def details(total: Sequence[float]) -> dict[str, Any]:
    """The kinds of error, and the characters of the references."""
    names = ("substitutions", "deletions", "insertions", "characters")
    return dict(zip(names, map(int, total), strict=True))
