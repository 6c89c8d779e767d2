"""Reading ABC, the notation in which traditional tunes are passed on: a file holds many, each from its X: line to an empty one.

    X:1
    T:Speed the Plough
    R:reel
    M:4/4
    L:1/8
    K:A
    |: E2A2 A2 (3Bcd | ...

Read are pitches, lengths, keys with their modes, accidentals, broken rhythm, tuplets, ties, chords, several voices, repeats and
endings. Ornaments, chord symbols, words and layout are passed over. Source: the ABC standard 2.1."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from ostinato.data.music.abc_keys import ACCIDENTALS, read_key, unit_length
from ostinato.data.music.abc_play import Bar, Struck, order, play
from ostinato.data.music.tunes import LETTERS, PITCHES, bar_length
from ostinato.data.music.tunes import signature as signature_of
from ostinato.errors import InputError

TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
FIELD = re.compile(r"^([A-Za-z+]):(?![|:])(.*)$")
NOTE = re.compile(r"(\^\^|\^|=|__|_)?([A-Ga-g])([',]*)")
LENGTH = re.compile(r"(\d*)(/*)(\d*)")
BAR = re.compile(r"\.?(?::*\|[|\]:]*|\[\|[:]*|::+|\|\])")
ENDING = re.compile(r"\[?\s*(\d[\d,\-]*)")
SKIPPED = re.compile(
    r'"[^"]*"|![^!\n]*!|\+[a-zA-Z]+\+|\{[^}]*\}|[.~HIJKLMNOPQRSTUVWhijklmnopqrstuvw`*$\\&\s!;:0-9#@?]|y[\d/]*|-|\)|\('
)


class AbcTune(NamedTuple):
    """A tune as it was written: its fields by letter ("T", "R", "K", ...), its notes (start, end, pitch) in quarters, how long the
    whole is, how many quarters are missing of its first bar (an upbeat), and the sharps of its key."""

    fields: dict[str, str]
    notes: list[tuple[Fraction, Fraction, int]]
    length: Fraction
    upbeat: Fraction
    sharps: int
    line: int


class Unreadable(Exception):
    """Why a tune does not parse, and on which line."""

    def __init__(self, line: int, why: str):
        super().__init__(why)
        self.line, self.why = line, why


def split_tunes(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Each tune's lines with the number of its first: from X: to an empty line or the next X:"""
    start, current = 0, []
    for number, line in enumerate(lines, start=1):
        begins = line.startswith("X:")
        if current and (begins or not line.strip()):
            yield start, current
            current = []
        if begins or current:
            start = start if current else number
            current.append(line)
    if current:
        yield start, current


def read_tune(lines: Sequence[str], first: int = 1, *, repeats: bool = False) -> AbcTune:
    """One tune of which lines[0] is line `first` of its file. `repeats`: repeated parts are played again; else each once, with its
    last ending. Raises Unreadable."""
    reader = Reader()
    for number, line in enumerate(lines, start=first):
        try:
            reader.line(line)
        except InputError as error:
            raise Unreadable(number, str(error)) from None
    if "K" not in reader.fields:
        raise Unreadable(first, "has no K: line")
    played = [play(list(order(elements, repeats))) for elements in reader.voices.values()]
    notes = sorted(note for part, _, _ in played for note in part)
    if not notes:
        raise Unreadable(first, "has no notes")
    whole = bar_length(reader.fields.get("M", ""))
    bar = next((bar for _, length, bar in played if 0 < bar < length), Fraction(0))
    upbeat = whole - bar if whole and 0 < bar < whole else Fraction(0)
    return AbcTune(
        reader.fields, notes, max(length for _, length, _ in played), upbeat, reader.sharps, first
    )


@dataclass
class Reader:
    """What has been read of a tune so far: its fields, and the elements of each voice."""

    fields: dict[str, str] = field(default_factory=dict)
    voices: dict[str, list[Struck | Bar]] = field(default_factory=dict)
    voice: str = ""
    unit: Fraction | None = None  # of a note without a length, in quarters
    metre: str = ""
    sharps: int = 0
    key: dict[str, int] = field(default_factory=dict)
    altered: dict[str, int] = field(
        default_factory=dict
    )  # accidentals since the bar line, by letter
    broken: Fraction | None = None  # by what the next note's length is multiplied, after > or <
    tuplet: list = field(
        default_factory=list
    )  # [by what lengths are multiplied, for how many more notes]

    def line(self, line: str) -> None:
        line = line.split("%", 1)[0].rstrip()
        found = FIELD.match(line)
        if found:
            self.field(found[1], found[2].strip())
        elif "K" in self.fields:
            self.music(line)

    def field(self, name: str, value: str) -> None:
        if name == "K":
            if value.strip():
                self.set_key(value)
            if "K" in self.fields:
                return
        elif name == "M":
            self.metre = value
        elif name == "L":
            self.unit = unit_length(value)
        elif name == "V":
            self.voice = value.split()[0] if value.split() else ""
        if value:
            self.fields.setdefault(name, value)

    def set_key(self, value: str) -> None:
        signature, own = read_key(value)
        if signature is None:
            return
        if "K" not in self.fields:
            self.sharps = signature
        self.key = signature_of(signature) | own

    @property
    def elements(self) -> list[Struck | Bar]:
        return self.voices.setdefault(self.voice, [])

    def unit_now(self) -> Fraction:
        if self.unit is not None:
            return self.unit
        whole = bar_length(self.fields.get("M", self.metre))
        return Fraction(1, 4) if whole is not None and whole < 3 else Fraction(1, 2)

    def music(self, text: str) -> None:
        place = 0
        while place < len(text):
            place = self.element(text, place)

    def element(self, text: str, place: int) -> int:
        """Reads what stands at a place, and says where the next thing stands."""
        if inline := re.compile(r"\[([A-Za-z]):([^\]]*)\]").match(text, place):
            self.field(inline[1], inline[2].strip())
            return inline.end()
        if (bar := BAR.match(text, place)) or re.compile(r"\[\s*\d").match(text, place):
            return self.bar(text, place, bar)
        letter = text[place]
        if letter == "[":
            return self.chord(text, place)
        if NOTE.match(text, place):
            return self.strike(*self.one_note(text, place))
        if letter in "zxZX":
            return self.rest(text, place)
        if letter in "<>":
            return self.break_rhythm(text, place)
        if tuplet := re.compile(r"\((\d)(?::(\d*))?(?::(\d*))?").match(text, place):
            return self.begin_tuplet(tuplet)
        if (
            letter == "-" and self.elements and isinstance(self.elements[-1], Struck)
        ):  # a tie with a space before it
            self.elements[-1] = self.elements[-1]._replace(
                tied=(True,) * len(self.elements[-1].pitches)
            )
            return place + 1
        if skipped := SKIPPED.match(text, place):
            return skipped.end()
        raise InputError(f"cannot be read at {text[place : place + 12]!r}")

    def bar(self, text: str, place: int, found: re.Match | None) -> int:
        self.altered, self.tuplet = {}, []
        sign = found[0] if found else ""
        place = found.end() if found else place
        ending = (
            ENDING.match(text, place)
            if place < len(text) and (text[place].isdigit() or text[place] == "[")
            else None
        )
        if ending and text[place] == "[" and re.compile(r"\[[A-Za-z]:").match(text, place):
            ending = None
        double = sign.strip(".").replace("|", "") in ("::", ":::") or "::" in sign
        ends = double or sign.lstrip(".").startswith(":")
        self.elements.append(Bar(ends, double or sign.endswith(":"), ending[1] if ending else ""))
        return ending.end() if ending else place

    def one_note(
        self, text: str, place: int
    ) -> tuple[tuple[int, ...], tuple[bool, ...], Fraction, int]:
        """A note with its length: (its pitch, whether it is tied, its length in quarters, where the next thing stands)."""
        found = NOTE.match(text, place)
        accidental, letter, octaves = found.groups()
        name = letter.upper()
        if accidental is not None:
            self.altered[name] = ACCIDENTALS[accidental]
        alter = self.altered.get(name, self.key.get(name, 0))
        pitch = (
            60
            + LETTERS[name]
            + alter
            + 12 * (letter.islower() + octaves.count("'") - octaves.count(","))
        )
        if not 0 <= pitch < PITCHES:
            raise InputError(f"the note {found[0]!r} is outside what MIDI can name")
        length, place = self.length(text, found.end())
        tied = text[place : place + 1] == "-"
        return (pitch,), (tied,), length, place + tied

    def length(self, text: str, place: int) -> tuple[Fraction, int]:
        """The length written at a place ("3/2", "/", "//4" ...) in quarters."""
        found = LENGTH.match(text, place)
        above, slashes, below = found.groups()
        divisor = 1 if not slashes else int(below) if below else 2 ** len(slashes)
        if divisor == 0 or len(above) > 6 or (above and int(above) == 0):
            raise InputError(f"the length {found[0]!r} makes no sense")
        end = found.end() if slashes else found.end(1)
        return self.unit_now() * Fraction(int(above or 1), divisor), end

    def chord(self, text: str, place: int) -> int:
        close = text.find("]", place)
        if close < 0:
            raise InputError(f"a chord opened at {text[place : place + 12]!r} is not closed")
        pitches, tied, lengths, inside = [], [], [], place + 1
        while inside < close:
            if NOTE.match(text, inside):
                pitch, tie, length, inside = self.one_note(text, inside)
                pitches += pitch
                tied += tie
                lengths.append(length)
            elif skipped := SKIPPED.match(text, inside):
                inside = skipped.end()
            else:
                raise InputError(f"cannot be read inside a chord: {text[inside : inside + 12]!r}")
        factor, end = self.length(text, close + 1)
        if text[end : end + 1] == "-":
            tied, end = [True] * len(tied), end + 1
        if not pitches:
            return end
        return self.strike(tuple(pitches), tuple(tied), lengths[0] * factor / self.unit_now(), end)

    def rest(self, text: str, place: int) -> int:
        length, end = self.length(text, place + 1)
        if text[place] in "ZX":  # whole bars
            length = length / self.unit_now() * (bar_length(self.metre) or 4)
        return self.strike((), (), length, end)

    def strike(
        self, pitches: tuple[int, ...], tied: tuple[bool, ...], length: Fraction, end: int
    ) -> int:
        if self.tuplet:
            length *= self.tuplet[0]
            self.tuplet[1] -= 1
            self.tuplet = self.tuplet if self.tuplet[1] else []
        if self.broken is not None:
            length, self.broken = length * self.broken, None
        self.elements.append(Struck(pitches, tied, length))
        return end

    def break_rhythm(self, text: str, place: int) -> int:
        """a>b: the first is dotted, the second halved; a>>b doubly so; a<b the other way round."""
        signs = re.compile(r"[<>]+").match(text, place)[0]
        if not self.elements or not isinstance(self.elements[-1], Struck) or len(set(signs)) > 1:
            raise InputError(f"{signs!r} does not stand between two notes")
        short = Fraction(1, 2 ** len(signs))
        first, second = (2 - short, short) if signs[0] == ">" else (short, 2 - short)
        self.elements[-1] = self.elements[-1]._replace(length=self.elements[-1].length * first)
        self.broken = second
        return place + len(signs)

    def begin_tuplet(self, found: re.Match) -> int:
        notes = int(found[1])
        compound = (bar_length(self.metre) or Fraction(4)) % Fraction(
            3, 2
        ) == 0 and "/8" in self.metre
        time = int(found[2]) if found[2] else TUPLETS.get(notes, 3 if compound else 2)
        many = int(found[3]) if found[3] else notes
        if not notes or not many:
            raise InputError(f"the tuplet {found[0]!r} makes no sense")
        self.tuplet = [Fraction(time, notes), many]
        return found.end()
