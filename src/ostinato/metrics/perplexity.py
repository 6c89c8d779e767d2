"""Perplexity, exp(-sum log p / tokens): the effective number of equally likely tokens per step."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ostinato.metrics.metric import NotFinite

higher_is_better = False
bounds = (1.0, math.inf)


def count(prediction: float, reference: int) -> tuple[float, int]:
    """From the log-probability of a sequence and its tokens (with <eos> if it is predicted).

    count(-6.9, 3) -> (6.9, 3)

    Raises:
        NotFinite: `prediction` is NaN.
        ValueError: `prediction` is not a log-probability, or `reference` is negative.
    """
    if math.isnan(prediction):
        raise NotFinite(f"a log-probability is 0 or less; got {prediction}")
    if prediction > 1e-3:
        raise ValueError(f"a log-probability is 0 or less; got {prediction}")
    if reference < 0:
        raise ValueError(f"a number of tokens is 0 or more; got {reference}")
    # rounding may leave the log-probability of a certain sequence a little above 0
    return max(0.0, -prediction), reference


def score(total: Sequence[float]) -> float:
    """score((6.9, 3)) -> 9.97; inf for an impossible sequence; raises ValueError without tokens."""
    negative_log_likelihood, tokens = total
    if tokens == 0:
        raise ValueError("perplexity of no tokens is undefined")
    mean = negative_log_likelihood / tokens
    return math.exp(mean) if mean < 700 else math.inf  # beyond, exp overflows
