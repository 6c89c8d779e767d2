"""The notation of ABC: the patterns of its lines, lengths, bar lines and endings."""

from __future__ import annotations

import re
from fractions import Fraction

from ostinato.data.music.abc_performance import Bar
from ostinato.errors import InputError

FIELD = re.compile(r"^([A-Za-z+]):(?![|:])(.*)$")
INLINE_FIELD = re.compile(r"\[([A-Za-z]):([^\]]*)\]")
COMMENT = re.compile(r"(?<!\\)%")
DIRECTIVE = re.compile(r"^(?:%%|I:)\s*([a-z-]+)\s*(.*)$")
NOTE = re.compile(r"(\^\^|\^|=|__|_)?([A-Ga-g])([',]*)")
LENGTH = re.compile(r"(\d*)(/*)(\d*)")
BAR = re.compile(r"\.?(?::*\|[|\]:]*|\[\|\]?:*|::+)")
ENDING = re.compile(r"\[?\s*(\d{1,2}(?:[,\-]\d{1,2})*)[,\-]*")
ENDING_INSIDE_BAR = re.compile(r"\[\s*\d")
TUPLET = re.compile(r"\((\d)(?::(\d{0,3}))?(?::(\d{0,3}))?")
OLD_CHORD = re.compile(  # of ABC 1: +CEG+, but not +f+ and +ff+, which are dynamics
    r"\+((?:(?:\^\^|\^|=|__|_)?[A-Ga-g][',]*[\d/]*-?){2,})\+"
)
BROKEN = re.compile(r"[<>]+")
MULTI_BAR_OVERLAY = re.compile(r"\(&|&\)")
SKIPPED = re.compile(
    r'"[^"]*"|![^!\n]*!|\+[a-zA-Z]+\+|\{[^}]*\}'
    r"|[.~HIJKLMNOPQRSTUVWhijklmnopqrstuvw`*$\\\s!;:0-9#@?]|y[\d/]*|-|\)|\("
)
LONGEST_NUMBER = 6  # digits of a length, or slashes


def read_factor(text: str, place: int) -> tuple[Fraction, int]:
    """What a length multiplies the unit by: ("3/2", 0) -> 3/2, and where the next thing begins."""
    found = LENGTH.match(text, place)
    assert found is not None  # the pattern matches the empty string, too
    above, slashes, below = found.groups()
    if max(map(len, found.groups())) > LONGEST_NUMBER:
        raise InputError(f"the length '{found[0]:.12}...' makes no sense")
    divisor = 1 if not slashes else int(below) if below else 2 ** len(slashes)
    if divisor == 0 or (above and int(above) == 0):
        raise InputError(f"the length {found[0]!r} makes no sense")
    return Fraction(int(above or 1), divisor), found.end() if slashes else found.end(1)


def read_bar_line(sign: str) -> Bar:
    """read_bar_line(":|") -> Bar(ends=1); "|::" begins=2; "::" both 1; "||" double; "" no line."""
    sign = sign.lstrip(".")
    core = sign.strip(":")
    if not core:
        colons = len(sign) // 2
        return Bar(colons, colons, line=bool(sign))
    ends = len(sign) - len(sign.lstrip(":"))
    begins = len(sign) - len(sign.rstrip(":"))
    return Bar(ends, begins, double=len(core) > 1 and core != "[|]")


def read_endings(numbers: str) -> tuple[int, ...]:
    """read_endings("1,3-5") -> (1, 3, 4, 5)"""
    found: list[int] = []
    for stretch in numbers.split(","):
        first, _, last = stretch.partition("-")
        found += range(int(first), int((last or first).rpartition("-")[2]) + 1)
    return tuple(found)
