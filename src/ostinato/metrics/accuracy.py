"""The share of labels that are right, from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

higher_is_better = True
bounds = (0.0, 1.0)


def count(prediction: Any, reference: Any) -> tuple[int, int]:
    """count("cat", "dog") -> (0, 1); count(["D", "N"], ["D", "V"]) -> (1, 2): how many are right, of how many.

    ValueError if two sequences of labels have not the same length."""
    one, other = labels(prediction), labels(reference)
    if len(one) != len(other):
        raise ValueError(
            f"accuracy needs a label for each in the reference; got {len(one)} for {len(other)}"
        )
    return sum(given == true for given, true in zip(one, other, strict=True)), len(other)


def labels(value: Any) -> Sequence[Any]:
    """A list or tuple of labels as it is; anything else is one label."""
    return value if isinstance(value, (list, tuple)) else [value]


def score(total: Sequence[float]) -> float:
    """score((1, 2)) -> 0.5; ValueError if there was nothing to be right about."""
    right, all_of_them = total
    if all_of_them == 0:
        raise ValueError("accuracy of no labels is undefined")
    return float(right / all_of_them)
