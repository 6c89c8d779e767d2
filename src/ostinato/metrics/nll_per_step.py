"""Negative log-likelihood per time step in nats, -sum log p / steps.

For music: "negative log-likelihood per frame".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ostinato.metrics import perplexity

higher_is_better = False
bounds = (0.0, math.inf)


def count(prediction: float, reference: int) -> tuple[float, int]:
    """From the log-probability of a piece and its steps: count(-6.9, 3) -> (6.9, 3)."""
    return perplexity.count(prediction, reference)


def score(total: Sequence[float]) -> float:
    """score((6.9, 3)) -> 2.3; raises ValueError if there are no steps."""
    negative_log_likelihood, steps = total
    if steps == 0:
        raise ValueError("the loss a step of no steps is undefined")
    return negative_log_likelihood / steps
