"""Time stamps as whole numbers, parsed block by block."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from ostinato.data.series.time_format import (
    DAY_FIRST,
    FRACTION,
    INTEGER,
    SLASHED,
    ZONE,
    TimeFormat,
)
from ostinato.errors import InputError

DAY = 86_400
LARGEST = 10**18  # of a whole number; int64 holds nine times as much


class TimeParser:
    """Parses the time stamps of a file in blocks. What one block cannot tell is decided for all of
    them in the end: whether 01/02 is in January, and whether offsets from UTC change.

    Args:
        form: The format of the first stamp, from `find_format`.
    """

    def __init__(self, form: TimeFormat):
        self.zoned, self.form = bool(form.zone), TimeFormat(form.pattern)
        self.blocks: list[np.ndarray] = []  # as written, local where there is a time zone
        self.offsets: list[np.ndarray] = []  # seconds from UTC, where there is one
        self.zone = form.zone

    def add(self, texts: Sequence[str], where: Callable[[int], str]) -> None:
        """Parses some more stamps.

        Args:
            texts: The stamps.
            where: The index of a stamp -> the file and line, for messages.

        Raises:
            InputError: A stamp that cannot be parsed in this format.
        """
        if self.zoned:
            texts, offsets = split_zones(texts, where)
            self.offsets.append(offsets)
        try:
            self.blocks.append(parse_alike(texts, self.form.pattern))
            return
        except (ValueError, OverflowError):
            if self.turn_round(texts):
                return
        for row, text in enumerate(texts):
            try:
                parse_alike([text], self.form.pattern)
            except (ValueError, OverflowError):
                example = self.form.write(1_500_000_000 if self.form.dated else 12)
                fraction = re.search(r":\d\d[.,]\d*[1-9]", text)
                hint = "; give whole seconds, or whole numbers" if fraction else ""
                raise InputError(
                    f"{where(row)}: {text[:40]!r} is not a time stamp like the others, such as "
                    f"{example}{hint}"
                ) from None
        raise AssertionError("each stamp parses, but not all of them together")

    def turn_round(self, texts: Sequence[str]) -> bool:
        """Takes 01/02/2024 for the first of February, in the blocks before, too, if they allow."""
        if self.form.pattern not in SLASHED:
            return False
        other = DAY_FIRST[SLASHED.index(self.form.pattern)]
        try:
            parsed = parse_alike(texts, other)
            turned = [swap_day_and_month(block) for block in self.blocks]
        except (ValueError, OverflowError):
            return False
        self.blocks, self.form = [*turned, parsed], TimeFormat(other)
        return True

    def finish(self) -> tuple[np.ndarray, TimeFormat]:
        """All times [N], int64, and their format.

        With time zones they are local where all have the same offset from UTC. Where it changes,
        as in summer, they are local without a zone if all are of the same time of day, as days
        that begin at local midnight are, and else UTC.
        """
        times = np.concatenate(self.blocks)
        self.blocks.clear()
        if not self.zoned:
            return times, self.form
        offsets = np.concatenate(self.offsets)
        if (offsets == offsets[0]).all():
            return times, TimeFormat(self.form.pattern, self.zone)
        if (times % DAY == times[0] % DAY).all():
            return times, self.form
        return times - offsets, TimeFormat(self.form.pattern, "+00:00")


def parse_times(
    texts: Sequence[str], form: TimeFormat, where: Callable[[int], str]
) -> tuple[np.ndarray, TimeFormat]:
    """The stamps of a single block as whole numbers, and their format: see TimeParser."""
    parser = TimeParser(form)
    parser.add(texts, where)
    return parser.finish()


def split_zones(texts: Sequence[str], where: Callable[[int], str]) -> tuple[list[str], np.ndarray]:
    """Time stamps without their zones, and the zones' offsets from UTC in seconds."""
    bodies, offsets = [], []
    known: dict[str, int] = {}
    for row, text in enumerate(texts):
        zone = ZONE.search(text.rstrip())
        if zone is None:
            raise InputError(
                f"{where(row)}: {text[:40]!r} has no time zone, but others have; give all of them "
                "one"
            )
        bodies.append(text[: zone.start()])
        suffix = zone.group(0)
        if suffix not in known:
            digits = (re.sub(r"\D", "", suffix) + "0000")[:4]
            sign = -1 if "-" in suffix else 1
            known[suffix] = sign * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)
        offsets.append(known[suffix])
    return bodies, np.array(offsets, dtype=np.int64)


def swap_day_and_month(times: np.ndarray) -> np.ndarray:
    """01/02/2024 taken for 02/01/2024; ValueError for a day that is no month."""
    dates = (times // DAY).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    days = (dates - months.astype("datetime64[D]")).astype(np.int64)
    if (days > 11).any():
        raise ValueError("a day after the 12th")
    years = months.astype("datetime64[Y]")
    within = (months - years.astype("datetime64[M]")).astype(np.int64)
    turned = (years.astype("datetime64[M]") + days).astype("datetime64[D]") + within
    return turned.astype(np.int64) * DAY + times % DAY


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
    number = int(text.strip().split(".")[0])
    if abs(number) > LARGEST:
        raise ValueError(text)
    return number
