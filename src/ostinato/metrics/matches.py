"""Matches of predicted and actual items: the counts of precision, recall and F1 of spans.

A span is right if its type and both its ends are (conlleval; Tjong Kim Sang and De Meulder 2003,
section 2.3).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable


def count_matches(
    prediction: Iterable[Hashable], reference: Iterable[Hashable]
) -> tuple[int, int, int]:
    """(true positives, predicted, actual).

    count_matches([("PER", 0, 2)], [("PER", 0, 2), ("LOC", 4, 5)]) -> (1, 1, 2)
    """
    found, there = set(prediction), set(reference)
    return len(found & there), len(found), len(there)
