"""Area under the receiver operating characteristic, from 0 to 1.

The probability that an example of the class gets a higher score than one that is not (Hanley and
McNeil 1982); 0.5 is chance. Of several classes, the mean. Scores are binned; see
`metrics.score_histograms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostinato.metrics.score_histograms import count_scores, split_by_class

higher_is_better = True
bounds = (0.0, 1.0)


def count(prediction: Sequence, reference: Sequence) -> tuple[float, ...]:
    """The probability of each class and whether it is true, of one example or of several.

    count([0.9], [True])
    """
    return count_scores(prediction, reference)


def score(total: Sequence[float]) -> float:
    """The mean over the classes that some examples have and some do not; 0.5 if there are none."""
    areas = [
        (present * (absent.sum() - absent.cumsum() + absent / 2)).sum()
        / (present.sum() * absent.sum())
        for present, absent in split_by_class(total)
    ]
    return min(1.0, float(sum(areas) / len(areas))) if areas else 0.5


def binning_error(total: Sequence[float]) -> float:
    """Half the share of pairs, of an example of the class and one that is not, within one bin."""
    errors = [
        (present * absent).sum() / (2 * present.sum() * absent.sum())
        for present, absent in split_by_class(total)
    ]
    return float(sum(errors) / len(errors)) if errors else 0.0


def details(total: Sequence[float], **settings: Any) -> dict[str, Any]:
    """The greatest error of the binning."""
    return {"binning_error": binning_error(total)}
