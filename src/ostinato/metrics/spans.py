"""Counting what was found among what there was to find: what precision, recall and f1 of spans are computed from.

A span is right if its type and both its ends are (conlleval; Tjong Kim Sang and De Meulder 2003, section 2.3)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable


def count_found(
    prediction: Iterable[Hashable], reference: Iterable[Hashable]
) -> tuple[int, int, int]:
    """count_found([("PER", 0, 2)], [("PER", 0, 2), ("LOC", 4, 5)]) -> (1, 1, 2): right, found, there to be found."""
    found, there = set(prediction), set(reference)
    return len(found & there), len(found), len(there)
