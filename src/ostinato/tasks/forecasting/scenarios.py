"""Sample paths: whole futures whose values at each step follow the forecast's quantiles.

The steps of a path are tied by their ranks. An autoregressive network draws paths itself, and their
ranks are taken (the Schaake shuffle, Clark et al. 2004); of other networks the ranks follow an
autoregression, as persistent as the errors of forecasts were on held-back windows (a Gaussian
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
        sample: Its number, from 1.
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
    """Path number `sample`, from 0, of all series: at most `length` steps of each.

    Args:
        forecasts: Of each series.
        paths: Of each series [S, H].
        length: Steps, at most the horizon; None for all.
        sample: The number of the path.
    """
    rows = []
    for forecast, drawn in zip(forecasts, paths, strict=True):
        values = drawn[sample][:length].tolist()
        stamps = forecast.stamps[: len(values)]
        rows += [(forecast.name, *pair) for pair in zip(stamps, map(shorten, values), strict=True)]
    return Scenario(sample + 1, tuple(rows))


def draw_scores(persistence: float, steps: int, samples: int, seed: Sequence[int]) -> np.ndarray:
    """Normal scores of an autoregression [S, H]; sample s depends on the seed and on s alone.

    Args:
        persistence: The correlation of consecutive scores.
        steps: H.
        samples: S.
        seed: Of the random numbers.
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
    """The value of each normal score [S, H]: interpolated between quantiles [H, Q], and beyond the
    outermost as of a Gaussian."""
    if not len(quantiles):
        return np.zeros((len(scores), 0))
    steps = np.arange(len(quantiles))
    right = np.searchsorted(SCORES, scores).clip(1, len(SCORES) - 1)
    share = (scores - SCORES[right - 1]) / (SCORES[right] - SCORES[right - 1])
    low, high = quantiles[steps, right - 1], quantiles[steps, right]
    return low + share * (high - low)
