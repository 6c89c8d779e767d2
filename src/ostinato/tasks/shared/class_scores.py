"""Precision, recall, F1 and frequency of each class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable

Item = Hashable  # counted once per example: a label, or a span with its position


def score_classes(
    answers: Iterable[Iterable[tuple[str, Item]]],
    truths: Iterable[Iterable[tuple[str, Item]]],
) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of each class in natural order.

    Args:
        answers: The predicted (class, item) pairs of each example.
        truths: The true pairs of each example.

    Returns:
        {"PER": {"number": 12, "precision": 0.9, "recall": 0.75, "f1": 0.818}}, where `number` is
        the number of true items.
    """
    given: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for answer, truth in zip(answers, truths, strict=True):
        found, true = set(answer), set(truth)
        given.update(name for name, _ in found)
        wanted.update(name for name, _ in true)
        right.update(name for name, _ in found & true)
    return {
        name: {
            "number": wanted[name],
            "precision": right[name] / given[name] if given[name] else 0.0,
            "recall": right[name] / wanted[name] if wanted[name] else 0.0,
            "f1": 2 * right[name] / (given[name] + wanted[name]),
        }
        for name in natural_order(given.keys() | wanted.keys())
    }


def natural_order(names: Iterable[str]) -> list[str]:
    """Sorts names with numbers by value: natural_order(["10", "2", "b"]) -> ["2", "10", "b"]"""
    return sorted(names, key=natural_key)


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """The sort key of `natural_order`: runs of digits count as numbers, and precede letters."""
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], name
