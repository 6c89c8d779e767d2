"""Bits per character, -sum log2 p / characters: comparable across tokenizers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ostinato.metrics.metric import NotFinite

higher_is_better = False
bounds = (0.0, math.inf)


def count(prediction: float, reference: int) -> tuple[float, int]:
    """(bits, characters), from a log-probability in nats and the characters including line ends.

    count(-6.9, 5) -> (9.95, 5)

    Raises:
        NotFinite: `prediction` is NaN.
        ValueError: `prediction` is not a log-probability, or `reference` is negative.
    """
    if math.isnan(prediction):
        raise NotFinite(f"a log-probability is 0 or less; got {prediction}")
    if prediction > 1e-3:
        raise ValueError(f"a log-probability is 0 or less; got {prediction}")
    if reference < 0:
        raise ValueError(f"a number of characters is 0 or more; got {reference}")
    return max(0.0, -prediction) / math.log(2), reference


def score(total: Sequence[float]) -> float:
    """score((9.95, 5)) -> 1.99; raises ValueError if there are no characters."""
    bits, characters = total
    if characters == 0:
        raise ValueError("bits per character of no characters are undefined")
    return bits / characters
