"""Confidence intervals by the percentile bootstrap, right at the ends of a score's range, too.

Efron and Tibshirani 1993, chapter 13; for BLEU: Koehn 2004. Examples are resampled with replacement
and scored; the interval holds the central 95 % of these scores.

Near the ends the bootstrap fails: of 9 examples with none right, no resample has one right, and the
interval would be 0 .. 0. So scores between 0 and 1 also get Wilson's interval (Wilson 1927), which
is 0 .. 0.30 there, with as many trials as give the bootstrap's variance (the effective sample size
of survey statistics; Franco et al. 2019), and the interval reported holds both. Of a single example
whose score has no upper bound nothing can be said: its interval is the score's whole range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from ostinato.metrics.corpus import Counts, add_up, as_table, corpus_score
from ostinato.metrics.metric import BinnedMetric, Metric


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
        The lower and the upper end; the interval always holds the corpus score itself. Where a
        metric is computed from binned scores, the error of the binning is inside, too.

    Raises:
        ValueError: There are no examples, or resamples or level are out of range.
    """
    check_settings(resamples, level)
    table = as_table(counts)
    own = corpus_score(metric, table)
    # without empty examples, as a resample that consists of these alone has no score
    table = table[table.any(1)]
    scores = score_all(metric.score, resample(table, resamples=resamples, seed=seed))
    low, high = central_interval(scores, level)
    low, high = min(low, own), max(high, own)
    variance = float(np.var(scores)) if np.isfinite(scores).all() else 0.0
    lowest, highest = metric.bounds
    if len(table) < 2 and math.isinf(highest):
        return lowest, highest
    if math.isfinite(highest) and (variance == 0 or (lowest, highest) == (0.0, 1.0)):
        scale = highest - lowest
        wide = wilson((own - lowest) / scale, variance / scale**2, len(table), level)
        low, high = min(low, lowest + scale * wide[0]), max(high, lowest + scale * wide[1])
    error = metric.binning_error(add_up(table)) if isinstance(metric, BinnedMetric) else 0.0
    return max(lowest, low - error), min(highest, high + error)


def wilson(share: float, variance: float, examples: int, level: float) -> tuple[float, float]:
    """Wilson's score interval of a share.

    Args:
        share: Between 0 and 1.
        variance: Of the share by the bootstrap; 0 where all resamples are alike.
        examples: Their number, taken for that of the trials where the variance is 0.
        level: Confidence level.
    """
    trials = share * (1 - share) / variance if variance > 0 else 0.0
    trials = trials if trials > 0 else float(max(1, examples))
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    spread = share * (1 - share) / trials + z * z / (4 * trials * trials)
    half = z * math.sqrt(spread) / (1 + z * z / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


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
