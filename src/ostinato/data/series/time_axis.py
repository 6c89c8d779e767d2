"""The time axis of a regular series: its time stamps, past and future, and their calendar
features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ostinato.data.series.frequency import DAY, Frequency
from ostinato.data.series.time_format import TimeFormat

CALENDAR = ("minute of hour", "hour of day", "day of week", "day of month", "day of year")
BLOCK = 1024  # steps whose calendar features are computed at a time


@dataclass(frozen=True)
class TimeAxis:
    """The time stamps of a regular series: `axis.stamps(0, 3)` are its first three.

    Args:
        frequency: How far apart they are.
        first: The position of the first.
        phase: As of `Frequency.split`.
        form: How they are written.
    """

    frequency: Frequency
    first: int
    phase: int
    form: TimeFormat

    def times(self, start: int, count: int) -> np.ndarray:
        """Times as whole numbers, of `count` steps from number `start` on."""
        return self.frequency.join(np.arange(start, start + count) + self.first, self.phase)

    def stamps(self, start: int, count: int) -> list[str]:
        """The same as text."""
        return self.form.write_all(self.times(start, count))

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The calendar features that vary at this frequency, of CALENDAR."""
        if not self.form.dated:
            return ()
        unit, count = self.frequency.unit, self.frequency.count
        step = {"month": 30 * DAY * count, "business day": DAY}.get(unit, count)
        return tuple(
            name
            for name, shortest, longest in (
                ("minute of hour", 0, 1800),
                ("hour of day", 0, 12 * 3600),
                ("day of week", 0, 4 * DAY),
                ("day of month", 3600, DAY),
                ("day of year", 3600, 200 * DAY),
            )
            if shortest <= step <= longest
        )

    def calendar(self, start: int, count: int) -> np.ndarray:
        """Sine and cosine of each calendar feature [count, 2 * features], float32."""
        first, last = start // BLOCK, (start + count - 1) // BLOCK
        if first == last:
            begin = start - first * BLOCK
            return calendar_block(self, first)[begin : begin + count]
        blocks = [calendar_block(self, number) for number in range(first, last + 1)]
        if not blocks:
            return np.zeros((0, 2 * len(self.features)), dtype=np.float32)
        begin = start - first * BLOCK
        return np.concatenate(blocks)[begin : begin + count]


@lru_cache(maxsize=1024)  # windows that overlap share their blocks; at most some 40 MB
def calendar_block(axis: TimeAxis, number: int) -> np.ndarray:
    """The calendar features of the steps from `number` * BLOCK on, read-only, [BLOCK, 2 *
    features]"""
    times = axis.times(number * BLOCK, BLOCK)
    days = times // DAY
    dates = days.astype("datetime64[D]")
    since_year = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(int)
    since_month = (dates - dates.astype("datetime64[M]").astype("datetime64[D]")).astype(int)
    shares = {
        "minute of hour": times % 3600 / 3600,
        "hour of day": times % DAY / DAY,
        "day of week": (days + 3) % 7 / 7,
        "day of month": since_month / 31,
        "day of year": since_year / 366,
    }
    angles = [2 * np.pi * shares[name] for name in axis.features]
    columns = [turn(angle) for angle in angles for turn in (np.sin, np.cos)]
    if not columns:
        return np.zeros((BLOCK, 0), dtype=np.float32)
    found = np.stack(columns, 1).astype(np.float32)
    found.flags.writeable = False
    return found
