"""How unlikely the model finds what is played at each step, in nats: -sum log p / steps; of music, "negative log-likelihood a frame"."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ostinato.metrics import perplexity

higher_is_better = False
bounds = (0.0, math.inf)


def count(prediction: float, reference: int) -> tuple[float, int]:
    """The log-probability that the model gave a piece, and of how many steps it is: count(-6.9, 3) -> (6.9, 3)."""
    return perplexity.count(prediction, reference)


def score(total: Sequence[float]) -> float:
    """score((6.9, 3)) -> 2.3; ValueError if there were no steps."""
    negative_log_likelihood, steps = total
    if steps == 0:
        raise ValueError("the loss a step of no steps is undefined")
    return negative_log_likelihood / steps
