"""Whether one system is really better than another on the same examples: how often chance makes as great a difference.

Both tests answer with a two-sided p: below 0.05 a difference is usually called significant."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ostinato.metrics.corpus import Counts, as_table, corpus_score
from ostinato.metrics.interval import middle, refuse_bad, resample, score_all
from ostinato.metrics.metric import Metric

ROUNDING = 1e-9  # sums taken in another order differ by less; such a difference is none
CHUNK = 500  # trials at a time, so that memory stays small


class Comparison(NamedTuple):
    """One system's score, the other's, the first less the second, and how often chance makes as great a difference."""

    score: float
    other_score: float
    difference: float
    p: float


def paired_randomisation(
    metric: Metric, counts: Counts, other: Counts, *, trials: int = 10_000, seed: int = 1
) -> Comparison:
    """Approximate randomisation (Noreen 1989; Riezler and Maxwell 2005): swaps the two systems' answers at random.

    If they were alike, swapping would not matter: p is the share of swaps with at least the difference found."""
    refuse_bad(trials, 0.95)
    one, two, found = as_pair(metric, counts, other)
    total, count = one.sum(0) + two.sum(0), 0
    for swapped in swaps(one - two, trials, seed):
        mixed = two.sum(0) + swapped
        differences = score_all(metric.score, mixed) - score_all(metric.score, total - mixed)
        count += at_least(differences, found.difference)
    return found._replace(p=(count + 1) / (trials + 1))


def paired(metric: Metric, counts: Counts, other: Counts, *, seed: int = 1) -> float:
    """The p of paired_randomisation alone."""
    return paired_randomisation(metric, counts, other, seed=seed).p


def swaps(difference: np.ndarray, trials: int, seed: int) -> Iterator[np.ndarray]:
    """The sums of random halves of the rows of [N, K], chunk by chunk: [trials in all, K]."""
    random = np.random.default_rng(seed)
    for start in range(0, trials, CHUNK):
        picked = random.integers(0, 2, (min(CHUNK, trials - start), len(difference)), dtype=np.int8)
        yield picked.astype(np.float64) @ difference


def paired_bootstrap(
    metric: Metric, counts: Counts, other: Counts, *, resamples: int = 1000, seed: int = 1
) -> tuple[Comparison, tuple[float, float]]:
    """Draws the same examples for both, with replacement: the comparison, and the 95 % interval of the difference.

    p is the share of resamples whose difference is at least as far from their mean as the one found is from zero
    (Riezler and Maxwell 2005, figure 2). What Moses and sacreBLEU print is one-sided, so smaller."""
    refuse_bad(resamples, 0.95)
    one, two, found = as_pair(metric, counts, other)
    drawn = [
        score_all(metric.score, resample(table, resamples=resamples, seed=seed))
        for table in (one, two)
    ]
    differences = drawn[0] - drawn[1]
    count = at_least(differences - differences.mean(), found.difference)
    return found._replace(p=(count + 1) / (resamples + 1)), middle(differences, 0.95)


def as_pair(
    metric: Metric, counts: Counts, other: Counts
) -> tuple[np.ndarray, np.ndarray, Comparison]:
    """Both systems' counts as arrays, without examples of which neither has any, and their scores (p is to come)."""
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
    return one[counted], two[counted], Comparison(*scores, scores[0] - scores[1], math.nan)


def at_least(differences: np.ndarray, found: float) -> int:
    """How many of the differences are as great as the one found, whichever their sign."""
    return int((np.abs(differences) >= abs(found) - ROUNDING).sum())
