"""Area under the precision-recall curve, from 0 to 1, as average precision.

The mean precision over all ranks at which an example of the class is found. The chance level is
the share of the class. Of several classes, the mean. Binned scores; see `metrics.score_histograms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ostinato.metrics.score_histograms import BINS, count_scores

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


def binning_error(total: Sequence[float]) -> float:
    """The greatest difference from the area with the examples of each bin in any order.

    A bin with p examples of the class and n others, after P and N of these in the bins above:
    at best its p come first, at worst its n, and the precision at each of the p is (P + i) / (P
    + i + N + ...). Sums over i = 1 .. p are taken as p times their extremes.
    """
    errors = []
    for present, absent in np.asarray(total, dtype=np.float64).reshape(-1, 2, BINS)[:, :, ::-1]:
        if not present.sum():
            continue
        found, wrong = present.cumsum(), absent.cumsum()
        before_found, before_wrong = found - present, wrong - absent
        middle = found / np.maximum(1e-12, found + wrong)
        # precision grows with i among examples of the class in a row
        best = found / np.maximum(1e-12, found + before_wrong)
        worst = (before_found + 1) / (before_found + 1 + wrong)
        off = np.maximum(best - middle, middle - worst).clip(0)
        # a bin of one kind alone, or of a single example of the class and no other, is exact
        off = np.where((present == 1) & (absent == 0), 0.0, off)
        errors.append((present * off).sum() / present.sum())
    return float(sum(errors) / len(errors)) if errors else 0.0


def details(total: Sequence[float], **settings: Any) -> dict[str, Any]:
    """The greatest error of the binning."""
    return {"binning_error": binning_error(total)}
