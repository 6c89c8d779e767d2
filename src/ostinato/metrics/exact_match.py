"""Exact match: the share of answers equal to a reference, from 0 to 1, up to white space."""

from __future__ import annotations

from collections.abc import Sequence

higher_is_better = True
bounds = (0.0, 1.0)


def count(prediction: str, reference: str | Sequence[str]) -> tuple[int, int]:
    """(whether the prediction is one of the references, 1).

    count("a cat", ["a cat", "the cat"]) -> (1, 1)
    """
    references = [reference] if isinstance(reference, str) else list(reference)
    return int(" ".join(prediction.split()) in {" ".join(text.split()) for text in references}), 1


def score(total: Sequence[float]) -> float:
    """score((1, 2)) -> 0.5; raises ValueError if there are no answers."""
    right, answers = total
    if answers == 0:
        raise ValueError("exact match of no answers is undefined")
    return float(right / answers)
