"""A forecast: the median, quantiles and intervals of every step ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np

from ostinato.data.series.time_axis import TimeAxis
from ostinato.models.forecaster import LEVELS, MEDIAN
from ostinato.tasks.prediction import Prediction

SCORES = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
DIGITS = 7  # significant digits in tables


@dataclass(frozen=True, eq=False)
class Forecast(Prediction):
    """The forecast of one series.

    Args:
        name: The series' `unique_id`.
        axis: Its time stamps.
        start: The index of the first step that is forecast.
        quantiles: The quantiles at LEVELS, ascending [H, Q]; [0, Q] for an empty series.
        coverages: The coverages of the intervals to print, in percent.
        samples: Sample paths [S, H]; None if none were requested.
    """

    name: str
    axis: TimeAxis
    start: int
    quantiles: np.ndarray
    coverages: tuple[float, ...]
    samples: np.ndarray | None = None

    @property
    def point(self) -> np.ndarray:
        """The median [H]."""
        return self.quantiles[:, MEDIAN]

    def quantile(self, level: float) -> np.ndarray:
        """The quantile of any level [H]: interpolated between LEVELS, and extrapolated beyond them
        like a Gaussian.
        """
        if level in LEVELS:
            return self.quantiles[:, LEVELS.index(level)]
        score = NormalDist().inv_cdf(level)
        right = int(np.clip(np.searchsorted(SCORES, score), 1, len(SCORES) - 1))
        low, high = self.quantiles[:, right - 1], self.quantiles[:, right]
        share = (score - SCORES[right - 1]) / (SCORES[right] - SCORES[right - 1])
        return low + share * (high - low)

    def interval(self, coverage: float) -> tuple[np.ndarray, np.ndarray]:
        """The lower and upper bounds [H] of the central interval with this coverage in percent."""
        level = round((1 - coverage / 100) / 2, 10)
        return self.quantile(level), self.quantile(round(1 - level, 10))

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """The log density at some values [H], NaN where they are NaN.

        The cumulative distribution is linear between quantiles, and the tails are exponential.
        """
        widths = np.diff(self.quantiles, axis=1)
        floor = 1e-4 * (self.quantiles[:, -1:] - self.quantiles[:, :1]) + 1e-9
        widths = np.maximum(widths, floor)
        densities = np.diff(LEVELS) / widths  # [H, Q - 1]
        found = np.empty(len(values))
        for step, value in enumerate(values):
            row = self.quantiles[step]
            interval = int(np.searchsorted(row, value)) - 1
            if 0 <= interval < len(LEVELS) - 1:
                found[step] = np.log(densities[step, interval])
                continue
            inner = densities[step, 0 if interval < 0 else -1]
            beyond = row[0] - value if interval < 0 else value - row[-1]
            found[step] = np.log(inner) - beyond * inner / LEVELS[0]
        return found

    def rank(self, values: np.ndarray) -> np.ndarray:
        """The cumulative probability at some values [H], NaN where they are NaN."""
        return np.array(
            [
                np.interp(value, row, LEVELS) if value == value else np.nan
                for value, row in zip(values, self.quantiles, strict=False)
            ]
        )

    @cached_property
    def stamps(self) -> list[str]:
        """The time stamps of the steps."""
        return self.axis.stamps(self.start, len(self.quantiles))

    @cached_property
    def columns(self) -> dict[str, list[float]]:
        """{"forecast": ..., "lo-80": ..., "hi-80": ...}"""
        found = {"forecast": self.point}
        for coverage in self.coverages:
            found[f"lo-{coverage:g}"], found[f"hi-{coverage:g}"] = self.interval(coverage)
        for number, path in enumerate([] if self.samples is None else self.samples, start=1):
            found[f"sample-{number}"] = path
        return {
            name: [shorten(value) for value in column.tolist()] for name, column in found.items()
        }

    @property
    def text(self) -> str:
        rows = zip(self.stamps, *self.columns.values(), strict=True)
        name = quote(self.name)
        return "\n".join(f"{name},{stamp},{','.join(map(write, row))}" for stamp, *row in rows)

    @property
    def details(self) -> dict[str, Any]:
        return {"unique_id": self.name, "ds": self.stamps, **self.columns}


def header(coverages: Sequence[float], samples: int = 0) -> str:
    """header((80,), 1) -> "unique_id,ds,forecast,lo-80,hi-80,sample-1" """
    bounds = [f"{side}-{coverage:g}" for coverage in coverages for side in ("lo", "hi")]
    paths = [f"sample-{number}" for number in range(1, samples + 1)]
    return ",".join(["unique_id", "ds", "forecast", *bounds, *paths])


def shorten(value: float) -> float:
    """Rounds a value to DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


def write(value: float) -> str:
    """write(1234567.0) -> "1234567"; write(0.5) -> "0.5": never in exponents."""
    return np.format_float_positional(value, trim="-")


def quote(text: str) -> str:
    """Quotes a CSV field if it needs quoting."""
    if any(mark in text for mark in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text
