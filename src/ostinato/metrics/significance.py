"""Significance tests of the difference between two systems on the same examples.

Both tests give a two-sided p; a difference with p < 0.05 is usually called significant.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ostinato.metrics.corpus import Counts, as_table, corpus_score
from ostinato.metrics.interval import central_interval, check_settings, resample, score_all
from ostinato.metrics.metric import Metric

ROUNDING = 1e-9  # sums in another order differ by less; such a difference is not counted as one
CHUNK = 500  # trials at a time, so that memory stays small


class SignificanceTest(NamedTuple):
    """Two scores and the significance of their difference.

    Attributes:
        score: The first system's.
        other_score: The second system's.
        difference: score - other_score.
        p: The probability of a difference at least as great under the null hypothesis.
    """

    score: float
    other_score: float
    difference: float
    p: float


def paired_randomisation(
    metric: Metric, counts: Counts, other: Counts, *, trials: int = 10_000, seed: int = 1
) -> SignificanceTest:
    """Approximate randomisation (Noreen 1989; Riezler and Maxwell 2005).

    Under the null hypothesis the systems' answers to an example are exchangeable: p is the share of
    random exchanges with a difference at least as great as the observed one.

    Args:
        metric: The metric.
        counts: Its counts of the first system's answers [N, K].
        other: Those of the second system's, in the same order.
        trials: Random exchanges.
        seed: Of the random exchanges.
    """
    check_settings(trials, 0.95)
    one, two, found = as_pair(metric, counts, other)
    total, count = one.sum(0) + two.sum(0), 0
    for swapped in swap_sums(one - two, trials, seed):
        mixed = two.sum(0) + swapped
        differences = score_all(metric.score, mixed) - score_all(metric.score, total - mixed)
        count += count_at_least(differences, found.difference)
    return found._replace(p=(count + 1) / (trials + 1))


def paired(metric: Metric, counts: Counts, other: Counts, *, seed: int = 1) -> float:
    """The p of paired_randomisation alone."""
    return paired_randomisation(metric, counts, other, seed=seed).p


def swap_sums(difference: np.ndarray, trials: int, seed: int) -> Iterator[np.ndarray]:
    """Sums over random subsets of the rows of [N, K], in chunks: [trials, K] in all."""
    random = np.random.default_rng(seed)
    for start in range(0, trials, CHUNK):
        picked = random.integers(0, 2, (min(CHUNK, trials - start), len(difference)), dtype=np.int8)
        yield picked.astype(np.float64) @ difference


def paired_bootstrap(
    metric: Metric, counts: Counts, other: Counts, *, resamples: int = 1000, seed: int = 1
) -> tuple[SignificanceTest, tuple[float, float]]:
    """Paired bootstrap: both systems are scored on the same resamples.

    p is the share of resamples whose difference is at least as far from their mean as the observed
    one is from zero (Riezler and Maxwell 2005, figure 2). What Moses and sacreBLEU print is
    one-sided, so smaller.

    Returns:
        The comparison, and the 95 % interval of the difference.
    """
    check_settings(resamples, 0.95)
    one, two, found = as_pair(metric, counts, other)
    drawn = [
        score_all(metric.score, resample(table, resamples=resamples, seed=seed))
        for table in (one, two)
    ]
    differences = drawn[0] - drawn[1]
    count = count_at_least(differences - differences.mean(), found.difference)
    return found._replace(p=(count + 1) / (resamples + 1)), central_interval(differences, 0.95)


def as_pair(
    metric: Metric, counts: Counts, other: Counts
) -> tuple[np.ndarray, np.ndarray, SignificanceTest]:
    """Both systems' counts without examples empty in both, and their scores (p is nan)."""
    one, two = as_table(counts), as_table(other, "other")
    if one.shape != two.shape:
        raise ValueError(
            "both systems must have been scored on the same examples, by the same metric; "
            f"their counts have the shapes {one.shape} and {two.shape}"
        )
    scores = corpus_score(metric, one), corpus_score(metric, two)
    if not all(map(math.isfinite, scores)):
        raise ValueError(f"only finite scores can be compared; got {scores[0]} and {scores[1]}")
    counted = one.any(1) | two.any(1)
    return one[counted], two[counted], SignificanceTest(*scores, scores[0] - scores[1], math.nan)


def count_at_least(differences: np.ndarray, found: float) -> int:
    """The number of differences at least as great as `found` in absolute value."""
    return int((np.abs(differences) >= abs(found) - ROUNDING).sum())
