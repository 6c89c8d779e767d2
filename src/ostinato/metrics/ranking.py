"""What areas under curves are computed from: how many examples with and without a class got each score.

A score is put into one of 512 bins by its log-odds, from -12 to 12, so that the counts of a corpus add up, however many bases it
has. Within a bin examples count as equal, as if their scores were: areas differ from the exact ones in the third decimal place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BINS = 512
LARGEST = 12.0  # log-odds: probabilities of 6e-6 and 1 - 6e-6


def assign_bins(probabilities: np.ndarray | Sequence[float]) -> np.ndarray:
    """Which bin each probability falls into; ValueError for what is none."""
    given = np.asarray(probabilities, dtype=np.float64)
    if not ((given >= -1e-6) & (given <= 1 + 1e-6)).all():
        raise ValueError(
            f"a probability is between 0 and 1; got {given[~((given >= 0) & (given <= 1))][0]}"
        )
    given = given.clip(1e-9, 1 - 1e-9)
    odds = np.log(given) - np.log1p(-given)
    return ((odds + LARGEST) * (BINS / (2 * LARGEST))).astype(np.int64).clip(0, BINS - 1)


def count_scores(prediction: Sequence, reference: Sequence) -> tuple[float, ...]:
    """For each class the examples that have it in each bin, then those that have it not.

    prediction  the probability of each class [C], or those of N examples [N, C]
    reference   whether each class is the true one, of the same shape. ValueError where the shapes differ."""
    given, true = (
        np.atleast_2d(np.asarray(prediction, dtype=np.float64)),
        np.atleast_2d(np.asarray(reference, dtype=bool)),
    )
    if given.shape != true.shape:
        raise ValueError(
            f"a probability for each class of the reference is needed; got {given.shape[-1]} for {true.shape[-1]}"
        )
    places = assign_bins(given) + BINS * ~true + 2 * BINS * np.arange(given.shape[1])
    return tuple(
        np.bincount(places.ravel(), minlength=2 * BINS * given.shape[1]).astype(np.float64).tolist()
    )


def by_class(total: Sequence[float]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(with it, without it) of each class, the highest scores first; without classes that all or no examples have."""
    table = np.asarray(total, dtype=np.float64).reshape(-1, 2, BINS)[:, :, ::-1]
    return [(present, absent) for present, absent in table if present.sum() and absent.sum()]
