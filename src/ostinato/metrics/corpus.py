"""A metric over a corpus: the counts of all examples, their sum, and its score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ostinato.metrics.metric import Metric

# a metric's counts of N examples [N, K]
Counts = Sequence[Sequence[float]] | np.ndarray


def count_all(metric: Metric, predictions: Sequence[Any], references: Sequence[Any]) -> np.ndarray:
    """The counts of each example [N, K]: count_all(bleu, translations, references).

    Raises:
        ValueError: There are no examples, or not as many predictions as references.
    """
    if len(predictions) != len(references):
        raise ValueError(
            "as many predictions as references are needed; "
            f"got {len(predictions)} and {len(references)}"
        )
    return as_table([metric.count(*pair) for pair in zip(predictions, references, strict=True)])


def as_table(counts: Counts, name: str = "counts") -> np.ndarray:
    """The counts of N examples as an array [N, K].

    Raises:
        ValueError: There are none, or they differ in length; `name` is used in the message.
    """
    if len(counts) == 0:
        raise ValueError(f"{name} must be those of at least one example; got none")
    lengths = sorted({len(row) for row in counts})
    if len(lengths) > 1:
        raise ValueError(
            f"{name} must be as many for each example; got {' and '.join(map(str, lengths))}"
        )
    return np.asarray(counts, dtype=np.float64)


def add_up(counts: Counts) -> tuple[float, ...]:
    """add_up([(1, 2), (0, 3)]) -> (1.0, 5.0)"""
    return tuple(as_table(counts).sum(0).tolist())


def corpus_score(metric: Metric, counts: Counts) -> float:
    """The score of a corpus from the counts of its examples."""
    return metric.score(add_up(counts))
