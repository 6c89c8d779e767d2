"""The frequency of time stamps: how far apart they are.

A `Frequency` maps times to positions, whole numbers that grow by one from step to step, so that
gaps and duplicates show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DAY = 86_400


@dataclass(frozen=True)
class Frequency:
    """How far apart time stamps are.

    Args:
        unit: "step" (whole numbers), "second", "business day" or "month".
        count: So many units from one stamp to the next.
        month_end: Whether stamps are the last days of months.
    """

    unit: str
    count: int = 1
    month_end: bool = False

    @property
    def name(self) -> str:
        """Frequency("second", 3600).name -> "hourly" """
        if self.unit == "month":
            names = {1: "monthly", 3: "quarterly", 12: "yearly"}
            return names.get(self.count, f"every {self.count} months")
        if self.unit == "business day":
            return "business days"
        if self.unit == "step":
            return "whole numbers" if self.count == 1 else f"whole numbers in steps of {self.count}"
        known = {1: "every second", 60: "every minute", 3600: "hourly", DAY: "daily"}
        if self.count in known or self.count == 7 * DAY:
            return known.get(self.count, "weekly")
        for length, noun in ((DAY, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds")):
            if self.count % length == 0:
                return f"every {self.count // length} {noun}"
        return f"every {self.count} seconds"

    @property
    def season(self) -> int:
        """The usual seasonal period in steps; 1 where there is none."""
        if self.unit == "month":
            return max(1, 12 // self.count)
        if self.unit == "business day":
            return 5
        if self.unit == "step":
            return 1
        if self.count < DAY:
            return max(1, round(DAY / self.count)) if self.count >= 60 else 60
        return {DAY: 7, 7 * DAY: 52}.get(self.count, 1)

    def split(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(positions, phases) of times: positions of consecutive times differ by one, and all times
        of one series have the same phase."""
        if self.unit in ("step", "second"):
            return times // self.count, times % self.count
        days, seconds = times // DAY, times % DAY
        dates = days.astype("datetime64[D]")
        if self.unit == "business day":
            return np.busday_count(np.datetime64("1970-01-01"), dates).astype(np.int64), seconds
        months = dates.astype("datetime64[M]").astype(np.int64)
        first = months.astype("datetime64[M]").astype("datetime64[D]")
        day = (dates - first).astype(np.int64)
        if self.month_end:
            day = np.zeros_like(day)
        return months // self.count, (months % self.count) * 32 * DAY + day * DAY + seconds

    def join(self, positions: np.ndarray, phase: int) -> np.ndarray:
        """The times at these positions: the inverse of `split`."""
        positions = np.asarray(positions, dtype=np.int64)
        if self.unit in ("step", "second"):
            return positions * self.count + phase
        if self.unit == "business day":
            dates = np.busday_offset(np.datetime64("1970-01-01"), positions, roll="forward")
            return dates.astype(np.int64) * DAY + phase
        months = positions * self.count + phase // (32 * DAY)
        first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        day = phase % (32 * DAY) // DAY
        days = following - 1 if self.month_end else np.minimum(first + day, following - 1)
        return days * DAY + phase % DAY


def find_frequency(times: np.ndarray, *, dated: bool) -> Frequency | None:
    """The frequency of sorted, different times, gaps allowed; None where they are irregular.

    Args:
        times: [T]
        dated: Whether they are seconds since 1970 rather than whole numbers.
    """
    if len(times) < 2:
        return Frequency("second", DAY) if dated else Frequency("step")
    steps = np.diff(times)
    values, counts = np.unique(steps, return_counts=True)
    usual = int(values[counts.argmax()])
    if not dated:
        return regular(Frequency("step", usual), times)
    if usual >= 28 * DAY:
        return find_months(times)
    if usual == DAY and len(times) > 5:
        weekdays = (times // DAY + 3) % 7
        if weekdays.max() < 5 and (steps >= 3 * DAY).any():
            return regular(Frequency("business day"), times)
    return regular(Frequency("second", usual), times)


def find_months(times: np.ndarray) -> Frequency | None:
    """Months, quarters, years, or whole numbers of weeks, whichever fits."""
    dates = (times // DAY).astype("datetime64[D]")
    months = dates.astype("datetime64[M]").astype(np.int64)
    ends = ((dates + 1).astype("datetime64[M]").astype(np.int64) > months).all()
    values, counts = np.unique(np.diff(months), return_counts=True)
    count = int(values[counts.argmax()])
    if count > 0:
        for month_end in (False, True) if not ends else (True, False):
            if found := regular(Frequency("month", count, month_end and bool(ends)), times):
                return found
    steps, counts = np.unique(np.diff(times), return_counts=True)
    return regular(Frequency("second", int(steps[counts.argmax()])), times)


def regular(frequency: Frequency, times: np.ndarray) -> Frequency | None:
    """The frequency if all times fit it, else None."""
    positions, phases = frequency.split(times)
    fits = (phases == phases[0]).all() and (np.diff(positions) > 0).all()
    return frequency if fits else None
