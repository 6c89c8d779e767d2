"""Sample paths: whole futures whose values at each step follow the forecast's quantiles.

The ranks of a path's values link its steps. An autoregressive network draws paths itself, and
their ranks are used (the Schaake shuffle, Clark et al. 2004). For other networks the ranks follow
an autoregression with the autocorrelation of forecast errors on held-out windows (a Gaussian
copula).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ostinato.tasks.forecasting.forecast import SCORES, Forecast, quote, shorten, write


@dataclass(frozen=True)
class Scenario:
    """One future of every series.

    Args:
        sample: The number of the sample, from 1.
        rows: (unique_id, ds, value) of each step.
    """

    sample: int
    rows: tuple[tuple[str, str, float], ...]

    @property
    def text(self) -> str:
        return "\n".join(
            f"{quote(name)},{stamp},{self.sample},{write(value)}"
            for name, stamp, value in self.rows
        )


def collect_scenario(
    forecasts: Sequence[Forecast], paths: Sequence[np.ndarray], length: int | None, sample: int
) -> Scenario:
    """Collects path number `sample` of all series.

    Args:
        forecasts: The forecast of each series.
        paths: The paths of each series [S, H].
        length: Maximum number of steps; None for the whole horizon.
        sample: The number of the path, from 0.
    """
    rows = []
    for forecast, drawn in zip(forecasts, paths, strict=True):
        values = drawn[sample][:length].tolist()
        stamps = forecast.stamps[: len(values)]
        rows += [(forecast.name, *pair) for pair in zip(stamps, map(shorten, values), strict=True)]
    return Scenario(sample + 1, tuple(rows))


def draw_scores(persistence: float, steps: int, samples: int, seed: Sequence[int]) -> np.ndarray:
    """Draws normal scores of a first-order autoregression [S, H].

    Sample s depends on the seed and on s only, not on the number of samples.

    Args:
        persistence: The correlation of consecutive scores.
        steps: The number H of steps.
        samples: The number S of samples.
        seed: Seed of the random numbers.
    """
    scores = np.zeros((samples, steps))
    for sample in range(samples):
        random = np.random.default_rng([*seed, sample])
        noise = random.normal(size=steps)
        before = random.normal()
        for step in range(steps):
            before = persistence * before + np.sqrt(1 - persistence**2) * noise[step]
            scores[sample, step] = before
    return scores


def rank_paths(paths: np.ndarray) -> np.ndarray:
    """Sample paths [S, H] -> the normal scores of their ranks at each step [S, H]."""
    number = len(paths)
    ranks = paths.argsort(0, kind="stable").argsort(0)
    normal = NormalDist()
    known = np.array([normal.inv_cdf((rank + 0.5) / number) for rank in range(number)])
    return known[ranks]


def follow_quantiles(quantiles: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Maps normal scores [S, H] to values with the quantiles [H, Q] of a forecast.

    Values are interpolated between quantiles, and extrapolated beyond them like a Gaussian.
    """
    if not len(quantiles):
        return np.zeros((len(scores), 0))
    steps = np.arange(len(quantiles))
    right = np.searchsorted(SCORES, scores).clip(1, len(SCORES) - 1)
    share = (scores - SCORES[right - 1]) / (SCORES[right] - SCORES[right - 1])
    low, high = quantiles[steps, right - 1], quantiles[steps, right]
    return low + share * (high - low)
