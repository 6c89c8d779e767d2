"""Precision, from 0 to 1: the share of predicted items (such as spans) that are right."""

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
    """score((1, 1, 2)) -> 1.0; 0 if nothing was predicted."""
    right, found, _ = total
    return float(right / found) if found else 0.0
