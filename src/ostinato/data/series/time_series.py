"""A real-valued series with its time stamps and covariates, and the seasonal errors within it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ostinato.data.series.frequency import Frequency
from ostinato.data.series.time_axis import TimeAxis
from ostinato.data.series.time_format import TimeFormat
from ostinato.errors import InputError

LARGEST = 1e30  # of a value: its square is far from what a float can hold
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
    cached: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)

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
            if lag not in self.cached:
                errors = np.abs(self.values[lag:] - self.values[:-lag])
                seen = ~np.isnan(errors)
                sums = np.concatenate([[0.0], np.where(seen, errors, 0).cumsum()])
                self.cached[lag] = sums, np.concatenate([[0], seen.cumsum()])
            sums, counts = self.cached[lag]
            place = max(0, min(end - lag, len(sums) - 1))
            if counts[place]:
                return float(sums[place] / counts[place])
        return 0.0


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
