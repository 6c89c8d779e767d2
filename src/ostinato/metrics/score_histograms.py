"""Histograms of the scores of positive and negative examples, for areas under curves.

Scores are binned by log-odds into 512 bins from -12 to 12, so that the counts of a corpus add up at
constant size. Scores within a bin count as equal; how far an area can be from the exact one follows
from how many share a bin, is reported as `binning_error`, and is inside the confidence interval.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BINS = 512
LARGEST = 12.0  # log-odds: probabilities of 6e-6 and 1 - 6e-6


def assign_bins(probabilities: np.ndarray | Sequence[float]) -> np.ndarray:
    """The bin of each probability; raises ValueError for values outside [0, 1]."""
    given = np.asarray(probabilities, dtype=np.float64)
    if not ((given >= -1e-6) & (given <= 1 + 1e-6)).all():
        raise ValueError(
            f"a probability is between 0 and 1; got {given[~((given >= 0) & (given <= 1))][0]}"
        )
    given = given.clip(1e-9, 1 - 1e-9)
    odds = np.log(given) - np.log1p(-given)
    return ((odds + LARGEST) * (BINS / (2 * LARGEST))).astype(np.int64).clip(0, BINS - 1)


def count_scores(prediction: Sequence, reference: Sequence) -> tuple[float, ...]:
    """For each class, a histogram of the examples that have it, then of those that do not.

    Args:
        prediction: The probability of each class [C], or of N examples [N, C].
        reference: Whether each class is true, of the same shape.

    Returns:
        Counts [C * 2 * BINS].

    Raises:
        ValueError: The shapes differ.
    """
    given = np.atleast_2d(np.asarray(prediction, dtype=np.float64))  # [N, C]
    true = np.atleast_2d(np.asarray(reference, dtype=bool))  # [N, C]
    if given.shape != true.shape:
        raise ValueError(
            "a probability for each class of the reference is needed; "
            f"got {given.shape[-1]} for {true.shape[-1]}"
        )
    # bins of class c: 2c for examples that have it, 2c + 1 for those that do not
    bins = assign_bins(given) + BINS * ~true + 2 * BINS * np.arange(given.shape[1])
    return tuple(
        np.bincount(bins.ravel(), minlength=2 * BINS * given.shape[1]).astype(np.float64).tolist()
    )


def split_by_class(total: Sequence[float]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The (positive, negative) histograms of each class, highest scores first.

    Classes that all or no examples have are left out.
    """
    table = np.asarray(total, dtype=np.float64).reshape(-1, 2, BINS)[:, :, ::-1]
    return [(present, absent) for present, absent in table if present.sum() and absent.sum()]
