"""Expected calibration error (Guo et al. 2017, equation 3), from 0 to 1.

Answers are put into ten bins by their predicted probability (confidence); in each bin the mean
confidence is compared with the accuracy. Of a well calibrated model's answers with confidence 0.8,
80 % are right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ostinato.metrics.metric import NotFinite

higher_is_better = False
bounds = (0.0, 1.0)
BINS = 10


def count(prediction: float, reference: bool) -> tuple[float, ...]:
    """(answers, their confidence, right ones) in each bin [3 * BINS], of one answer.

    Args:
        prediction: The answer's probability.
        reference: Whether it is right.
    """
    if math.isnan(prediction):
        raise NotFinite(f"a confidence is between 0 and 1; got {prediction}")
    if not 0 <= prediction <= 1 + 1e-6:
        raise ValueError(f"a confidence is between 0 and 1; got {prediction}")
    counts = [0.0] * (3 * BINS)
    first = 3 * min(BINS - 1, int(prediction * BINS))
    counts[first : first + 3] = [1.0, min(1.0, prediction), float(reference)]
    return tuple(counts)


def score(total: Sequence[float]) -> float:
    """The mean of |accuracy - confidence| over the bins, weighted by their answers.

    Raises:
        ValueError: There are no answers.
    """
    answers = sum(total[::3])
    if not answers:
        raise ValueError("calibration_error of no answers is undefined")
    return float(
        sum(
            abs(confidence - right)
            for confidence, right in zip(total[1::3], total[2::3], strict=True)
        )
        / answers
    )


def details(total: Sequence[float]) -> dict[str, Any]:
    """A reliability diagram: answers, mean confidence and accuracy of the bins with answers."""
    bins = [bin for bin in zip(total[::3], total[1::3], total[2::3], strict=True) if bin[0]]
    return {
        "answers": [int(number) for number, _, _ in bins],
        "confidence": [round(confidence / number, 3) for number, confidence, _ in bins],
        "right": [round(right / number, 3) for number, _, right in bins],
    }
