"""Recall, from 0 to 1: the share of actual items (such as spans) that are found."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from ostinato.metrics.matches import count_matches

higher_is_better = True
bounds = (0.0, 1.0)


def count(prediction: Iterable[Hashable], reference: Iterable[Hashable]) -> tuple[int, int, int]:
    """(true positives, predicted, actual).

    count([("PER", 0, 2)], [("PER", 0, 2), ("LOC", 4, 5)]) -> (1, 1, 2)
    """
    return count_matches(prediction, reference)


def score(total: Sequence[float]) -> float:
    """score((1, 1, 2)) -> 0.5; 0 if the reference has none."""
    right, _, there = total
    return float(right / there) if there else 0.0
