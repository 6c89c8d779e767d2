"""The format of time stamps: found, parsed by, and written in.

Times are whole numbers: seconds since 1970 for dates, themselves for integers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from ostinato.errors import InputError

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
