"""Time stamps: parsed, their frequency found, continued into the future, and written as they were.

Time stamps are kept as whole numbers: seconds since 1970 for dates, themselves for integers. A
`Frequency` maps them to positions, whole numbers that grow by one from step to step, so that gaps
and duplicates show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ostinato.errors import InputError

DAY = 86_400
CALENDAR = ("minute of hour", "hour of day", "day of week", "day of month", "day of year")
INTEGER = re.compile(r"[+-]?\d+(\.0*)?$")
ZONE = re.compile(r"(?<=\d)\s?(Z|UTC|[+-]\d\d:?\d\d)$")
FRACTION = re.compile(r"\.0+$")
OTHER_PATTERNS = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%b %Y", "%B %Y", "%d %b %Y")
SLASHED = ("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S")
DAY_FIRST = tuple(pattern.replace("%m/%d", "%d/%m") for pattern in SLASHED)


class TimeFormat(NamedTuple):
    """How time stamps are written.

    Attributes:
        pattern: As of strftime; "" for whole numbers, "%YQ" for quarters.
        zone: The suffix of a time zone, such as "+02:00", or "".
    """

    pattern: str
    zone: str = ""

    @property
    def dated(self) -> bool:
        """Whether the stamps are dates rather than whole numbers."""
        return self.pattern != ""

    def write(self, time: int) -> str:
        """TimeFormat("%Y-%m-%d").write(86400) -> "1970-01-02" """
        if not self.dated:
            return str(int(time))
        moment = datetime.fromtimestamp(int(time), UTC)
        if self.pattern == "%YQ":
            return f"{moment.year:04}Q{(moment.month + 2) // 3}"
        return moment.strftime(self.pattern) + self.zone

    def write_all(self, times: np.ndarray) -> list[str]:
        """Every time stamp as text."""
        return [self.write(time) for time in times.tolist()]


def find_format(text: str) -> TimeFormat | None:
    """The format of one time stamp; None where there is none.

    find_format("2016-07-01 00:00:00") -> TimeFormat("%Y-%m-%d %H:%M:%S")
    """
    text = text.strip()
    if re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])", text):
        return TimeFormat("%Y%m%d")
    if INTEGER.fullmatch(text):
        return TimeFormat("")
    if re.fullmatch(r"\d{4}[- ]?[Qq][1-4]", text):
        return TimeFormat("%YQ")
    zone = ZONE.search(text) if ":" in text else None
    body = FRACTION.sub("", text[: zone.start()] if zone else text)
    found = re.fullmatch(r"\d{4}([-/])\d\d(?:\1\d\d(?:([ T])\d\d:\d\d(:\d\d)?)?)?", body)
    if found:
        mark, separator, seconds = found.group(1), found.group(2), found.group(3)
        pattern = f"%Y{mark}%m" + (f"{mark}%d" if body.count(mark) == 2 else "")
        pattern += f"{separator}%H:%M" + ":%S" * bool(seconds) if separator else ""
        return TimeFormat(pattern, zone.group(0) if zone else "")
    for pattern in (*OTHER_PATTERNS, *SLASHED, *DAY_FIRST):
        try:
            datetime.strptime(body, pattern)
        except ValueError:
            continue
        return TimeFormat(pattern)
    return None


def parse_times(
    texts: Sequence[str], form: TimeFormat, where: Callable[[int], str]
) -> tuple[np.ndarray, TimeFormat]:
    """Time stamps as whole numbers.

    Args:
        texts: The stamps.
        form: Their format, from `find_format` of the first.
        where: The index of a stamp -> the file and line, for messages.

    Returns:
        The times [N], int64, and the format; another one where the first stamp was ambiguous, or
        where offsets from UTC differ, as in summer and winter: then the times are UTC.

    Raises:
        InputError: A stamp that cannot be parsed in this format.
    """
    if form.zone:
        return parse_zoned(texts, form, where)
    try:
        return parse_alike(texts, form.pattern), form
    except (ValueError, OverflowError):
        if form.pattern in SLASHED:
            other = DAY_FIRST[SLASHED.index(form.pattern)]
            try:
                return parse_alike(texts, other), TimeFormat(other)
            except ValueError:
                pass
    for row, text in enumerate(texts):
        try:
            parse_alike([text], form.pattern)
        except (ValueError, OverflowError):
            example = form.write(1_500_000_000 if form.dated else 12)
            raise InputError(
                f"{where(row)}: {text[:40]!r} is no time stamp like the others, such as {example}"
            ) from None
    raise AssertionError("each stamp parses, but not all of them together")


def parse_zoned(
    texts: Sequence[str], form: TimeFormat, where: Callable[[int], str]
) -> tuple[np.ndarray, TimeFormat]:
    """Time stamps with offsets from UTC: local where all have the same one, else UTC."""
    bodies, offsets = [], []
    for row, text in enumerate(texts):
        zone = ZONE.search(text)
        if zone is None:
            raise InputError(f"{where(row)}: {text[:40]!r} has no time zone, but others have")
        bodies.append(text[: zone.start()])
        digits = re.sub(r"\D", "", zone.group(0)) or "0000"
        sign = -1 if "-" in zone.group(0) else 1
        offsets.append(sign * (int(digits[:2]) * 3600 + int(digits[2:]) * 60))
    times, plain = parse_times(bodies, TimeFormat(form.pattern), where)
    if len(set(offsets)) == 1 and ZONE.search(texts[0]).group(0) == form.zone:  # type: ignore[union-attr]
        return times, TimeFormat(plain.pattern, form.zone)
    return times - np.array(offsets), TimeFormat(plain.pattern, "+00:00")


def parse_alike(texts: Sequence[str], pattern: str) -> np.ndarray:
    """Time stamps of one pattern as whole numbers; ValueError for one that is not."""
    if pattern == "":
        return np.array([parse_integer(text) for text in texts], dtype=np.int64)
    if pattern == "%YQ":
        months = [f"{text.strip()[:4]}-{3 * int(text.strip()[-1]) - 2:02}" for text in texts]
        return np.array(months, dtype="datetime64[s]").astype(np.int64)
    if pattern.startswith("%Y") and pattern[2] in "-/":
        mark = pattern[2]
        stripped = [FRACTION.sub("", text.strip().replace(mark, "-")) for text in texts]
        lengths = {len(text) for text in stripped}
        wanted = len(datetime(2000, 1, 1).strftime(pattern))
        if lengths != {wanted}:
            raise ValueError("stamps of differing length")
        return np.array(stripped, dtype="datetime64[s]").astype(np.int64)
    known: dict[str, int] = {}
    for text in texts:
        if text not in known:
            moment = datetime.strptime(text.strip(), pattern).replace(tzinfo=UTC)
            known[text] = int(moment.timestamp())
    return np.array([known[text] for text in texts], dtype=np.int64)


def parse_integer(text: str) -> int:
    """parse_integer("12") -> 12; parse_integer("12.0") -> 12; ValueError for anything else."""
    if not INTEGER.fullmatch(text.strip()):
        raise ValueError(text)
    return int(text.strip().split(".")[0])


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
        times = self.times(start, count)
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
        angles = [2 * np.pi * shares[name] for name in self.features]
        columns = [turn(angle) for angle in angles for turn in (np.sin, np.cos)]
        if not columns:
            return np.zeros((count, 0), dtype=np.float32)
        return np.stack(columns, 1).astype(np.float32)
