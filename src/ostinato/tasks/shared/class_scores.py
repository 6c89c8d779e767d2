"""The scores of each class: precision, recall and F1, and how often it occurs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable

Item = Hashable  # what is counted once in an example: a label, or a span with its place


def score_classes(
    answers: Iterable[Iterable[tuple[str, Item]]],
    truths: Iterable[Iterable[tuple[str, Item]]],
) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of each class in natural order.

    Args:
        answers: For each example the (class, item) pairs that were predicted.
        truths: Likewise the true ones.

    Returns:
        {"PER": {"number": 12, "precision": 0.9, "recall": 0.75, "f1": 0.818}}, where `number` is
        that of the true ones.
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
    """Names sorted as people count: natural_order(["10", "2", "b"]) -> ["2", "10", "b"]"""
    return sorted(names, key=natural_key)


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """What `natural_order` sorts by: runs of digits are numbers, and come before letters."""
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], name
