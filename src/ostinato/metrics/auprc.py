"""Area under the precision-recall curve, from 0 to 1, as average precision: the mean precision over all places in the ranking at
which an example that has the class is found. Chance is the class's share. Of several classes, the mean. See `metrics.ranking`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ostinato.metrics.ranking import BINS, count_scores

higher_is_better = True
bounds = (0.0, 1.0)


def count(prediction: Sequence, reference: Sequence) -> tuple[float, ...]:
    """count([0.9], [True]): the probability of each class, and whether it is the true one, of one example or of several."""
    return count_scores(prediction, reference)


def score(total: Sequence[float]) -> float:
    """sum_b (recall_b - recall_b-1) precision_b from the highest scores on; the mean over classes that there are, 0 if there is none."""
    areas = []
    for present, absent in np.asarray(total, dtype=np.float64).reshape(-1, 2, BINS)[:, :, ::-1]:
        if present.sum():
            found, wrong = present.cumsum(), absent.cumsum()
            areas.append((present * found / np.maximum(1e-12, found + wrong)).sum() / present.sum())
    return min(1.0, float(sum(areas) / len(areas))) if areas else 0.0
