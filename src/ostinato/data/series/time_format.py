"""The format of time stamps: found, and written in.

Times are whole numbers: seconds since 1970 for dates, themselves for integers.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from ostinato.errors import InputError

INTEGER = re.compile(r"[+-]?\d+(\.0*)?$")


ZONE = re.compile(r"(?<=\d)\s?(Z|UTC|[+-]\d\d:?\d\d|(?<=:\d\d)[+-]\d\d)$")


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
        try:
            moment = datetime.fromtimestamp(int(time), UTC)
        except (ValueError, OverflowError, OSError):
            raise InputError(
                "the time stamps go on beyond the year 9999; give whole numbers instead"
            ) from None
        year = f"{moment.year:04}"  # %Y leaves out zeros
        if self.pattern == "%YQ":
            return f"{year}Q{(moment.month + 2) // 3}"
        return moment.strftime(self.pattern.replace("%Y", year)) + self.zone

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
