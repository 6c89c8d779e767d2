"""Between how many equally likely tokens the model seems to choose at each step: exp(-sum log p / tokens)."""

from __future__ import annotations

import math
from collections.abc import Sequence

higher_is_better = False
bounds = (1.0, math.inf)


def count(prediction: float, reference: int) -> tuple[float, int]:
    """The log-probability that the model gave a sequence, and of how many tokens (with <eos>, if the model predicts it)

    count(-6.9, 3) -> (6.9, 3). ValueError if that is no probability, or no number of tokens."""
    if math.isnan(prediction) or prediction > 1e-3:
        raise ValueError(f"a log-probability is 0 or less; got {prediction}")
    if reference < 0:
        raise ValueError(f"a number of tokens is 0 or more; got {reference}")
    return max(
        0.0, -prediction
    ), reference  # rounding can leave a certain sequence a little above 0


def score(total: Sequence[float]) -> float:
    """score((6.9, 3)) -> 9.97; inf if a sequence was impossible; ValueError if there were no tokens."""
    negative_log_likelihood, tokens = total
    if tokens == 0:
        raise ValueError("perplexity of no tokens is undefined")
    mean = negative_log_likelihood / tokens
    return math.exp(mean) if mean < 700 else math.inf  # beyond, exp overflows
