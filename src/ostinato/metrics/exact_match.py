"""The share of answers that are word for word a reference, from 0 to 1; runs of spaces count as one."""

from __future__ import annotations

from collections.abc import Sequence

higher_is_better = True
bounds = (0.0, 1.0)


def count(prediction: str, reference: str | Sequence[str]) -> tuple[int, int]:
    """count("a cat", ["a cat", "the cat"]) -> (1, 1): whether it is one of the references, and that it is one answer."""
    references = [reference] if isinstance(reference, str) else list(reference)
    return int(" ".join(prediction.split()) in {" ".join(text.split()) for text in references}), 1


def score(total: Sequence[float]) -> float:
    """score((1, 2)) -> 0.5; ValueError if there were no answers."""
    right, answers = total
    if answers == 0:
        raise ValueError("exact match of no answers is undefined")
    return float(right / answers)
