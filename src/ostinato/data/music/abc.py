"""Reading ABC, the notation of traditional tunes: a file holds many, each from its X: line to an
empty one.

    X:1
    T:Speed the Plough
    R:reel
    M:4/4
    L:1/8
    K:A
    |: E2A2 A2 (3Bcd | ...

Read are pitches, lengths, keys with their modes, accidentals, transposition, broken rhythm,
tuplets, ties, chords, several voices, overlays, repeats, numbered endings and parts. Ornaments,
chord symbols, words and layout are passed over. Source: the ABC standard 2.1.

symusic carries abc2midi, which plays the same notes (`benchmarks/abc_reading.py` compares them).
It is not used here: it always plays repeats and ornaments, it gives no bars, labels and line
numbers, and ABC should need no extra package."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from ostinato.data.music.abc_keys import default_unit, unit_length
from ostinato.data.music.abc_notation import (
    BAR,
    BROKEN,
    COMMENT,
    DIRECTIVE,
    ENDING,
    ENDING_INSIDE_BAR,
    FIELD,
    INLINE_FIELD,
    MULTI_BAR_OVERLAY,
    NOTE,
    OLD_CHORD,
    SKIPPED,
    TUPLET,
    read_bar_line,
    read_endings,
    read_factor,
)
from ostinato.data.music.abc_performance import perform, perform_order, read_play_order
from ostinato.data.music.abc_voice import Voice
from ostinato.data.music.tunes import bar_length
from ostinato.errors import InputError


class AbcTune(NamedTuple):
    """A tune as it is written. Times are in quarters."""

    fields: dict[str, str]  # by letter ("T", "R", "K", ...)
    notes: list[tuple[Fraction, Fraction, int]]  # start, end, pitch
    length: Fraction
    upbeat: Fraction  # what is missing of the first bar
    sharps: int  # of the key of the first note
    metre: str  # of the first note
    later_metres: tuple[str, ...]  # with bars of another length, in any voice
    later_keys: tuple[int, ...]  # other signatures, in any voice
    line: int


class Unreadable(Exception):
    """Why a tune does not parse, and on which line."""

    def __init__(self, line: int, why: str):
        super().__init__(why)
        self.line, self.why = line, why


def split_tunes(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Each tune's lines with the number of its first: from X: to an empty line or the next X:"""
    start = 0
    current: list[str] = []
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
    """Reads one tune.

    Args:
        lines: from its X: line on.
        first: the number of lines[0] in its file.
        repeats: repeated sections are played again, and parts as the header orders them; without,
            each once, with its last ending.

    Raises:
        Unreadable: a line does not parse, or there are no notes.
    """
    reader = TuneReader()
    for number, line in enumerate(lines, start=first):
        try:
            reader.read_line(line)
        except InputError as error:
            raise Unreadable(number, str(error)) from None
    if not reader.in_body:
        raise Unreadable(first, "has no K: line")
    voices = [voice for voice in reader.voices.values() if voice.elements]
    try:
        parts = read_play_order(reader.fields.get("P", ""))
        played = [
            perform(perform_order(voice.elements, repeats=repeats, parts=parts)) for voice in voices
        ]
    except InputError as error:
        raise Unreadable(first, str(error)) from None
    notes = sorted(note for performance in played for note in performance.notes)
    if not notes:
        raise Unreadable(first, "has no notes")
    metres = [metre for voice in voices for metre in voice.metres]
    keys = [key for voice in voices for key in voice.keys]
    whole = bar_length(metres[0])
    bar = next((each.first_bar for each in played if 0 < each.first_bar < each.length), 0)
    return AbcTune(
        reader.fields,
        notes,
        max(performance.length for performance in played),
        upbeat=whole - bar if whole and 0 < bar < whole else Fraction(0),
        sharps=keys[0],
        metre=metres[0],
        later_metres=tuple(dict.fromkeys(each for each in metres if bar_length(each) != whole)),
        later_keys=tuple(dict.fromkeys(key for key in keys if key != keys[0])),
        line=first,
    )


class TuneReader:
    """Takes the lines of a tune; its fields, and its voices."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.voices: dict[str, Voice] = {}
        self.in_body = False  # from the first K: on
        self._header = Voice()
        self._unit_is_given = False
        self._voice_fields: dict[str, list[str]] = {}  # V: fields of the header
        self._name = ""  # of the voice that is read
        self._part = ""
        self._skipped_until = ""  # the end of a block of text

    @property
    def voice(self) -> Voice:
        """The voice that is read; the header, as long as it lasts."""
        if not self.in_body:
            return self._header
        if self._name not in self.voices:
            voice = self._header.begin_voice()
            for value in self._voice_fields.get(self._name, ()):
                voice.transpose(value)
            self.voices[self._name] = voice
        self.voices[self._name].begin_part(self._part)
        return self.voices[self._name]

    def read_line(self, line: str) -> None:
        if directive := DIRECTIVE.match(line):
            self._read_directive(directive[1], directive[2].strip())
            return
        line = COMMENT.split(line, maxsplit=1)[0].rstrip()
        if self._skipped_until:
            return
        if found := FIELD.match(line):
            self._read_field(found[1], found[2].strip())
        elif self.in_body:
            self._read_music(line)

    def _read_directive(self, name: str, value: str) -> None:
        if name.startswith("begin"):
            self._skipped_until = self._skipped_until or name.replace("begin", "end", 1)
        elif name == self._skipped_until:
            self._skipped_until = ""
        elif name == "propagate-accidentals":
            self.voice.propagation = value

    def _read_field(self, name: str, value: str) -> None:
        if name == "K":
            self._read_key(value)
        elif name == "M":
            self.voice.metre = value
        elif name == "L":
            self.voice.unit = unit_length(value)
            self._unit_is_given = True
        elif name == "V":
            self._read_voice(value)
        elif name == "P" and self.in_body:
            self._part = value[:1]
            return
        if not value:
            return
        if self.in_body or name not in "LM":
            self.fields.setdefault(name, value)
        else:
            self.fields[name] = value  # of several in the header the last is in force

    def _read_key(self, value: str) -> None:
        """The first K: ends the header; a later one is for its voice."""
        if value or not self.in_body:
            self.voice.set_key(value)
        if not self.in_body:
            if not self._unit_is_given:
                self._header.unit = default_unit(self._header.metre)
            self.in_body = True

    def _read_voice(self, value: str) -> None:
        name = value.split()[0] if value else ""
        if not self.in_body:
            self._voice_fields.setdefault(name, []).append(value)
            return
        # what comes before the first V: is the first voice's
        if list(self.voices) == [""] and (name == "1" or not name.isdigit()):
            self.voices = {name: self.voices[""]}
            for each in self._voice_fields.get(name, ()):
                self.voices[name].transpose(each)
        self._name = name
        self.voice.transpose(value)

    def _read_music(self, text: str) -> None:
        if found := MULTI_BAR_OVERLAY.search(re.sub(r'"[^"]*"', "", text)):
            raise InputError(f"{found[0]!r}: an overlay of several bars is not read")
        place = 0
        while place < len(text):
            place = self._read_element(text, place)

    def _read_element(self, text: str, place: int) -> int:
        """Reads what begins at a place; returns where the next thing begins."""
        if inline := INLINE_FIELD.match(text, place):
            self._read_field(inline[1], inline[2].strip())
            return inline.end()
        bar = BAR.match(text, place)
        if bar or ENDING_INSIDE_BAR.match(text, place):
            return self._read_bar(text, bar.end() if bar else place, bar[0] if bar else "")
        letter = text[place]
        if letter == "[":
            close = text.find("]", place)
            if close < 0:
                raise InputError(f"a chord opened at {text[place : place + 12]!r} is not closed")
            return self._read_chord(text, place, close)
        if (chord := OLD_CHORD.match(text, place)) and chord[1].strip("f"):
            return self._read_chord(text, place, chord.end() - 1)
        if note := NOTE.match(text, place):
            pitch, tied, length, place = self._read_note(text, note)
            self.voice.strike((pitch,), (tied,), length)
            return place
        if letter in "zxZX":
            return self._read_rest(text, place)
        if signs := BROKEN.match(text, place):
            self.voice.break_rhythm(signs[0])
            return signs.end()
        if tuplet := TUPLET.match(text, place):
            return self._read_tuplet(tuplet)
        if letter == "&":
            self.voice.begin_overlay()
            return place + 1
        if letter == "-":  # a tie after a space
            self.voice.tie()
            return place + 1
        if skipped := SKIPPED.match(text, place):
            return skipped.end()
        raise InputError(f"cannot be read at {text[place : place + 12]!r}")

    def _read_bar(self, text: str, place: int, sign: str) -> int:
        """A bar line with the ending that begins there; `place` is after the line."""
        numbers = None
        if text[place : place + 1].isdigit() or ENDING_INSIDE_BAR.match(text, place):
            numbers = ENDING.match(text, place)
        bar = read_bar_line(sign)
        if numbers:
            bar = bar._replace(endings=read_endings(numbers[1]))
        self.voice.begin_bar(bar)
        return numbers.end() if numbers else place

    def _read_note(self, text: str, found: re.Match[str]) -> tuple[int, bool, Fraction, int]:
        """A note's pitch, whether it is tied, its length in quarters, and where the next begins."""
        accidental, letter, octaves = found.groups()
        pitch = self.voice.pitch(accidental, letter, octaves)
        length, place = self._read_length(text, found.end())
        tied = text[place : place + 1] == "-"
        return pitch, tied, length, place + tied

    def _read_length(self, text: str, place: int) -> tuple[Fraction, int]:
        """The length at a place ("3/2", "/", "//4" ...) in quarters, and where the next begins."""
        factor, end = read_factor(text, place)
        return self.voice.unit * factor, end

    def _read_chord(self, text: str, place: int, close: int) -> int:
        """Notes in brackets at `place` and `close`; the chord's length is that of the first."""
        pitches: list[int] = []
        tied: list[bool] = []
        lengths: list[Fraction] = []
        inside = place + 1
        while inside < close:
            if note := NOTE.match(text, inside):
                pitch, tie, length, inside = self._read_note(text, note)
                pitches.append(pitch)
                tied.append(tie)
                lengths.append(length)
            elif skipped := SKIPPED.match(text, inside):
                inside = skipped.end()
            else:
                raise InputError(f"cannot be read inside a chord: {text[inside : inside + 12]!r}")
        factor, end = read_factor(text, close + 1)
        if text[end : end + 1] == "-":
            tied, end = [True] * len(tied), end + 1
        if pitches:
            self.voice.strike(tuple(pitches), tuple(tied), lengths[0] * factor)
        return end

    def _read_rest(self, text: str, place: int) -> int:
        if text[place] in "ZX":
            bars, end = read_factor(text, place + 1)
            self.voice.rest_bars(bars)
            return end
        length, end = self._read_length(text, place + 1)
        self.voice.strike((), (), length)
        return end

    def _read_tuplet(self, found: re.Match[str]) -> int:
        time, count = (int(each) if each else None for each in found.groups()[1:])
        try:
            self.voice.begin_tuplet(int(found[1]), time, count)
        except InputError as error:
            raise InputError(f"the tuplet {found[0]!r} {error}") from None
        return found.end()
