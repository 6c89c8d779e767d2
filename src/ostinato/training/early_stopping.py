"""Early stopping: training ends when the dev score has not improved for `patience` evaluations.

Scores are in the order of evaluation, larger is better. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence


def evaluations_since_best(scores: Sequence[float]) -> int:
    """evaluations_since_best([1, 3, 2, 3]) -> 2: evaluations since the best score, the first of
    equal ones."""
    return len(scores) - 1 - max(range(len(scores)), key=lambda i: (scores[i], -i)) if scores else 0


def should_stop(scores: Sequence[float], patience: int | None) -> bool:
    """Whether the last `patience` scores brought no improvement; never without a patience."""
    return patience is not None and evaluations_since_best(scores) >= patience
