"""Confidence intervals by the percentile bootstrap.

Efron and Tibshirani 1993, chapter 13; for BLEU: Koehn 2004. Examples are resampled with replacement
and scored; the interval holds the central 95 % of these scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ostinato.metrics.corpus import Counts, as_table, corpus_score
from ostinato.metrics.metric import Metric


def interval(
    metric: Metric, counts: Counts, *, resamples: int = 1000, seed: int = 1, level: float = 0.95
) -> tuple[float, float]:
    """The confidence interval of a corpus score: interval(bleu, counts) -> (30.1, 33.9).

    Args:
        metric: The metric.
        counts: Its counts of each example [N, K].
        resamples: Bootstrap resamples.
        seed: Of the resampling.
        level: Confidence level.

    Returns:
        The lower and the upper end; the interval always holds the corpus score itself.

    Raises:
        ValueError: There are no examples, or resamples or level are out of range.
    """
    check_settings(resamples, level)
    table = as_table(counts)
    own = corpus_score(metric, table)
    # without empty examples, as a resample that consists of these alone has no score
    scores = score_all(metric.score, resample(table[table.any(1)], resamples=resamples, seed=seed))
    low, high = central_interval(scores, level)
    return min(low, own), max(high, own)


def resample(table: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    """The summed counts of each resample: [N, K] -> [resamples, K]."""
    if len(table) == 0:
        return np.zeros((resamples, table.shape[1]))
    random, number = np.random.default_rng(seed), len(table)
    draws = (random.integers(0, number, number) for _ in range(resamples))
    return np.stack([np.bincount(drawn, minlength=number) @ table for drawn in draws])


def score_all(score: Callable[[Sequence[float]], float], totals: np.ndarray) -> np.ndarray:
    """The score of each row of summed counts."""
    return np.array([score(total) for total in totals.tolist()])


def central_interval(scores: np.ndarray, level: float) -> tuple[float, float]:
    """The central interval that holds the share `level` of the scores."""
    low, high = np.quantile(
        scores, [(1 - level) / 2, (1 + level) / 2], method="closest_observation"
    )
    return float(low), float(high)


def check_settings(resamples: int, level: float) -> None:
    """Raises ValueError for resamples below 1, or a level outside (0, 1)."""
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1; got {resamples}")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1; got {level}")
