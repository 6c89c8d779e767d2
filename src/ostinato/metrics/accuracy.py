"""Accuracy: the share of labels that are right, from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

higher_is_better = True
bounds = (0.0, 1.0)


def count(prediction: Any, reference: Any) -> tuple[int, int]:
    """The number of right labels and of all labels.

    count("cat", "dog") -> (0, 1);  count(["D", "N"], ["D", "V"]) -> (1, 2)

    Raises:
        ValueError: Two sequences of labels differ in length.
    """
    one, other = as_labels(prediction), as_labels(reference)
    if len(one) != len(other):
        raise ValueError(
            f"accuracy needs a label for each in the reference; got {len(one)} for {len(other)}"
        )
    return sum(given == true for given, true in zip(one, other, strict=True)), len(other)


def as_labels(value: Any) -> Sequence[Any]:
    """A list or tuple of labels as it is; anything else is one label."""
    return value if isinstance(value, (list, tuple)) else [value]


def score(total: Sequence[float]) -> float:
    """score((1, 2)) -> 0.5; raises ValueError if there are no labels."""
    right, all_of_them = total
    if all_of_them == 0:
        raise ValueError("accuracy of no labels is undefined")
    return float(right / all_of_them)
