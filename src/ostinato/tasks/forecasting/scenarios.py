"""Scenarios: whole futures drawn from the quantiles of a forecast.

The steps of a scenario are tied by a Gaussian copula whose ranks follow an autoregression, as
persistent as the errors of forecasts were on held-back windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


def draw_scenarios(
    forecasts: Sequence[Forecast],
    persistence: float,
    *,
    length: int | None,
    seed: int,
    sample: int,
) -> Scenario:
    """Sample number `sample`, from 0, of all series; its random numbers depend on seed and number.

    Args:
        forecasts: Of each series.
        persistence: The correlation of consecutive ranks.
        length: Steps, at most the horizon; None for all.
        seed: Of the random numbers.
        sample: The number of the sample.
    """
    rows = []
    for number, forecast in enumerate(forecasts):
        random = np.random.default_rng([seed, sample, number])
        steps = len(forecast.quantiles)
        noise = random.normal(size=steps)
        ranks = np.zeros(steps)
        for step in range(steps):
            before = ranks[step - 1] if step else random.normal()
            ranks[step] = persistence * before + np.sqrt(1 - persistence**2) * noise[step]
        values = [draw_value(forecast.quantiles[step], float(ranks[step])) for step in range(steps)]
        kept = steps if length is None else min(length, steps)
        stamps = forecast.stamps[:kept]
        rows += [
            (forecast.name, stamp, shorten(value))
            for stamp, value in zip(stamps, values[:kept], strict=True)
        ]
    return Scenario(sample + 1, tuple(rows))


def draw_value(quantiles: np.ndarray, score: float) -> float:
    """The value of a normal score: interpolated, and beyond the outermost quantiles as of a
    Gaussian.
    """
    place = int(np.clip(np.searchsorted(SCORES, score), 1, len(SCORES) - 1))
    share = (score - SCORES[place - 1]) / (SCORES[place] - SCORES[place - 1])
    return float(quantiles[place - 1] + share * (quantiles[place] - quantiles[place - 1]))
