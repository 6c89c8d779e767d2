"""How far a score can be trusted: the interval that it would fall into if other examples of the kind had been drawn.

The percentile bootstrap (Efron and Tibshirani 1993, chapter 13; for BLEU: Koehn 2004): draw as many examples from the
corpus as it has, with replacement; score them; do so many times; leave out the 2.5 % at either end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ostinato.metrics.corpus import Counts, as_table, corpus_score
from ostinato.metrics.metric import Metric


def interval(
    metric: Metric, counts: Counts, *, resamples: int = 1000, seed: int = 1, level: float = 0.95
) -> tuple[float, float]:
    """interval(bleu, counts of each sentence) -> (30.1, 33.9); always holds the corpus' own score.

    ValueError if there are no examples, or if resamples or level make no sense."""
    refuse_bad(resamples, level)
    table = as_table(counts)
    own = corpus_score(metric, table)
    # examples of which nothing is counted (empty ones) are left out: a resample of them alone would have no score
    scores = score_all(metric.score, resample(table[table.any(1)], resamples=resamples, seed=seed))
    low, high = middle(scores, level)
    return min(low, own), max(high, own)


def resample(table: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    """The summed counts of each resample: [N, K] -> [resamples, K]. The same seed draws the same examples."""
    if len(table) == 0:
        return np.zeros((resamples, table.shape[1]))
    random, number = np.random.default_rng(seed), len(table)
    draws = (random.integers(0, number, number) for _ in range(resamples))
    return np.stack([np.bincount(drawn, minlength=number) @ table for drawn in draws])


def score_all(score: Callable[[Sequence[float]], float], totals: np.ndarray) -> np.ndarray:
    """The score of each row of summed counts."""
    return np.array([score(total) for total in totals.tolist()])


def middle(scores: np.ndarray, level: float) -> tuple[float, float]:
    """middle(scores, 0.95) -> between which of them 95 % lie."""
    low, high = np.quantile(
        scores, [(1 - level) / 2, (1 + level) / 2], method="closest_observation"
    )
    return float(low), float(high)


def refuse_bad(resamples: int, level: float) -> None:
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1; got {resamples}")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1; got {level}")
