"""A real-valued series with its time stamps and covariates, and the seasonal errors within it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ostinato.data.series.frequency import Frequency
from ostinato.data.series.time_axis import TimeAxis
from ostinato.data.series.time_format import TimeFormat
from ostinato.errors import InputError

LARGEST = 1e30  # of a value: its square is far from what a float can hold
BLOCK = 4096  # errors whose sum is kept
PLAIN = TimeAxis(Frequency("step"), 1, 0, TimeFormat(""))


def nothing() -> np.ndarray:
    """No covariates: [0, 0]."""
    return np.zeros((0, 0), dtype=np.float32)


def parse_values(value: Any) -> np.ndarray:
    """The values of a series given in Python as numbers, [T] float64; of a blank text, none.

    Raises:
        InputError: no numbers, infinite ones, or of more dimensions.
    """
    if isinstance(value, str) and not value.strip():
        value = []
    try:
        values = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"expected a list of numbers; got {value!r:.60}") from None
    if values.ndim != 1:
        raise InputError(f"expected numbers [T]; got shape {list(values.shape)}")
    with np.errstate(invalid="ignore"):
        beyond = np.abs(values) > LARGEST
    if beyond.any():
        step = int(beyond.argmax())
        raise InputError(
            f"step {step + 1} is {values[step]:g}; give finite numbers up to {LARGEST:g}, and NaN "
            "where a value is missing"
        )
    return values


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """One series of T steps.

    Args:
        name: Its `unique_id`.
        values: [T] float64, NaN where missing.
        axis: Its time stamps.
        past: Covariates known up to the present [T, P], NaN where missing.
        known: Covariates known in the future, too [T or more, K].
        static: Covariates that do not change, as text.
        labels: Whether each point is an anomaly [T], where the file says.
        times: The time stamps themselves [T], where they need not be regular.
        where: File and line of its first row, for messages.
        errors: By lag the sum and number of its errors |y[t] - y[t - lag]|, of a series whose
            beginning is not kept; None: they follow from the values.
    """

    name: str
    values: np.ndarray
    axis: TimeAxis = PLAIN
    past: np.ndarray = field(default_factory=nothing)
    known: np.ndarray = field(default_factory=nothing)
    static: tuple[str, ...] = ()
    labels: np.ndarray | None = None
    times: np.ndarray | None = None
    where: str = ""
    errors: Mapping[int, tuple[float, float]] | None = None
    cached: dict[int, tuple[list[float], list[int]]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def stamps(self) -> list[str]:
        """The time stamps of all steps as text."""
        if self.times is not None:
            return self.axis.form.write_all(self.times)
        return self.axis.stamps(0, len(self))

    def until(self, end: int) -> TimeSeries:
        """The first `end` steps; covariates known in the future stay."""
        return replace(
            self,
            values=self.values[:end],
            past=self.past[:end],
            labels=None if self.labels is None else self.labels[:end],
            times=None if self.times is None else self.times[:end],
            cached={},
        )

    def seasonal_error(self, end: int, season: int) -> float:
        """The mean of |y[t] - y[t - season]| over the first `end` steps, in sample.

        It scales MASE (Hyndman and Koehler 2006). A series that is no longer than a season is
        scaled by its one-step error. 0 where there is no such pair or the series is constant.
        """
        for lag in (season, 1):
            last = max(0, min(end, len(self)) - lag)
            total, count = self.sum_errors(lag, last)
            if count:
                return float(total / count)
        return 0.0

    def sum_errors(self, lag: int, last: int) -> tuple[float, float]:
        """The sum of the first `last` errors |y[t] - y[t - lag]| that are known, and their number.

        What is kept for the next call are the sums up to every BLOCK-th error, so that it is small
        for a series on disk, too. Sums are added up in the same order whatever the block."""
        if self.errors is not None:
            return self.errors[lag]
        sums, counts = self.cached.setdefault(lag, ([0.0], [0]))
        while True:
            place = min(last // BLOCK, len(sums) - 1)
            start, stop = place * BLOCK, min(last, (place + 1) * BLOCK)
            if start == last:
                return sums[place], counts[place]
            values = np.asarray(self.values[start : stop + lag])
            errors = np.abs(values[lag:] - values[:-lag])
            seen = ~np.isnan(errors)
            total = float(np.cumsum(np.concatenate([[sums[place]], np.where(seen, errors, 0)]))[-1])
            count = counts[place] + int(seen.sum())
            if stop == last and stop < (place + 1) * BLOCK:
                return total, count
            sums.append(total)
            counts.append(count)


def fill_missing(values: np.ndarray, how: str) -> np.ndarray:
    """Missing values filled: "zero", "previous", "linear", or "none" to leave them.

    fill_missing([1, nan, 3], "linear") -> [1, 2, 3]. Linear looks ahead, so that it is for gaps of
    the training data; leading gaps get the first value there is.
    """
    missing = np.isnan(values)
    if how == "none" or not missing.any() or missing.all():
        return values
    if how == "zero":
        return np.where(missing, 0.0, values)
    seen = np.flatnonzero(~missing)
    if how == "linear":
        return np.interp(np.arange(len(values)), seen, values[seen])
    latest = np.maximum.accumulate(np.where(missing, -1, np.arange(len(values))))
    return values[np.where(latest < 0, seen[0], latest)]
