"""Area under the precision-recall curve, from 0 to 1, as average precision.

The mean precision over all ranks at which an example of the class is found. The chance level is
the share of the class. Of several classes, the mean. Binned scores; see `metrics.ranking`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ostinato.metrics.ranking import BINS, count_scores

higher_is_better = True
bounds = (0.0, 1.0)


def count(prediction: Sequence, reference: Sequence) -> tuple[float, ...]:
    """The probability of each class and whether it is true, of one example or of several.

    count([0.9], [True])
    """
    return count_scores(prediction, reference)


def score(total: Sequence[float]) -> float:
    """sum_b (recall_b - recall_b-1) precision_b over the bins b in descending order of scores.

    The mean over the classes that occur; 0 if there are none.
    """
    areas = []
    for present, absent in np.asarray(total, dtype=np.float64).reshape(-1, 2, BINS)[:, :, ::-1]:
        if present.sum():
            found, wrong = present.cumsum(), absent.cumsum()
            areas.append((present * found / np.maximum(1e-12, found + wrong)).sum() / present.sum())
    return min(1.0, float(sum(areas) / len(areas))) if areas else 0.0
