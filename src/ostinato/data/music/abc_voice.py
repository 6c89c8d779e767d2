"""A voice of an ABC tune while it is parsed: key, metre and unit length in force, and its notes.

A field inside a tune (L:, M:, K:) is for the voice in which it occurs, and so are accidentals,
tuplets and broken rhythm: each voice keeps its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from ostinato.data.music.abc_keys import ACCIDENTALS, read_key, read_transposition
from ostinato.data.music.abc_performance import Bar, Element, Overlay, Part, Struck
from ostinato.data.music.tunes import LETTERS, PITCHES, bar_length, shift_sharps, signature
from ostinato.errors import InputError

TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # notes: in the time of; for others by the metre
WHOLE_BAR = Fraction(4)  # of a free metre, in quarters


@dataclass
class Voice:
    """What is in force in a voice, and the elements read so far."""

    unit: Fraction = Fraction(1, 2)  # length of a note that has none of its own, in quarters
    metre: str = ""
    sharps: int = 0
    key: dict[str, int] = field(default_factory=dict)  # letter -> alteration in semitones
    octave: int = 0  # by which it sounds higher than it is written
    clef_octave: int = 0
    semitones: int = 0
    propagation: str = "pitch"  # what an accidental alters: "not"hing else, its "octave", or all
    elements: list[Element] = field(default_factory=list)
    altered: dict[tuple[str, int], int] = field(default_factory=dict)
    broken: str = ""  # ">" or "<" since the latest note
    latest: int | None = None  # the index in `elements` of the note before > or <
    tuplet: tuple[Fraction, int] | None = None  # factor of the lengths, notes left
    part: str = ""
    metres: list[str] = field(default_factory=list)  # in which notes and rests were read, in order
    keys: list[int] = field(default_factory=list)  # sharps as they sound, likewise

    def begin_voice(self) -> Voice:
        """A voice in which the same is in force."""
        return Voice(
            unit=self.unit,
            metre=self.metre,
            sharps=self.sharps,
            key=self.key,
            octave=self.octave,
            clef_octave=self.clef_octave,
            semitones=self.semitones,
            propagation=self.propagation,
        )

    def set_key(self, value: str) -> None:
        """A K: field: the key, if it names one, and how the voice is transposed."""
        sharps, own = read_key(value)
        if sharps is not None:
            self.sharps, self.key = sharps, signature(sharps) | own
        self.transpose(value)

    def transpose(self, value: str) -> None:
        """What a K: or V: field says about the pitch that sounds."""
        found = read_transposition(value)
        self.octave = found.get("octave", self.octave)
        self.clef_octave = found.get("clef", self.clef_octave)
        self.semitones = found.get("transpose", self.semitones)

    def begin_part(self, letter: str) -> None:
        if letter != self.part:
            self.part = letter
            self.elements.append(Part(letter))

    def begin_bar(self, bar: Bar) -> None:
        if bar.line:
            self.altered.clear()
        self.elements.append(bar)

    def begin_overlay(self) -> None:
        self.altered.clear()
        self.broken, self.latest, self.tuplet = "", None, None
        self.elements.append(Overlay())

    def begin_tuplet(self, notes: int, time: int | None, count: int | None) -> None:
        """(3:2:4 -> notes 3, time 2, count 4: the next 4 notes, each 2/3 as long."""
        time = TUPLETS.get(notes, 3 if is_compound(self.metre) else 2) if time is None else time
        count = notes if count is None else count
        if not notes or not count:
            raise InputError("makes no sense")
        self.tuplet = Fraction(time, notes), count

    def pitch(self, accidental: str | None, letter: str, octaves: str) -> int:
        """The MIDI pitch of a note as it is written: ("^", "c", "'") -> 85."""
        name = letter.upper()
        octave = letter.islower() + octaves.count("'") - octaves.count(",")
        place = (name, octave if self.propagation == "octave" else 0)
        if accidental is None:
            alteration = self.altered.get(place, self.key.get(name, 0))
        else:
            alteration = ACCIDENTALS[accidental]
            if self.propagation != "not":
                self.altered[place] = alteration
        shift = self.semitones + 12 * (octave + self.octave + self.clef_octave)
        pitch = 60 + LETTERS[name] + alteration + shift
        if not 0 <= pitch < PITCHES:
            written = f"{accidental or ''}{letter}{octaves}"
            raise InputError(f"the note {written!r} is outside what MIDI can name")
        return pitch

    def strike(self, pitches: tuple[int, ...], tied: tuple[bool, ...], length: Fraction) -> None:
        """Adds notes that are struck together, or a rest; `length` as it is written."""
        if self.tuplet:
            factor, left = self.tuplet
            length *= factor
            self.tuplet = (factor, left - 1) if left > 1 else None
        if self.broken:
            length *= self.apply_broken_rhythm(length)
        if not self.metres or self.metres[-1] != self.metre:
            self.metres.append(self.metre)
        sharps = shift_sharps(self.sharps, self.semitones)
        if not self.keys or self.keys[-1] != sharps:
            self.keys.append(sharps)
        self.latest = len(self.elements)
        self.elements.append(Struck(pitches, tied, length))

    def rest_bars(self, bars: Fraction) -> None:
        """A rest of whole bars: Z4."""
        self.strike((), (), bars * (bar_length(self.metre) or WHOLE_BAR))

    def tie(self) -> None:
        """Ties all of the latest note or chord; does nothing after a bar line."""
        if self.elements and isinstance(latest := self.elements[-1], Struck):
            self.elements[-1] = latest._replace(tied=(True,) * len(latest.pitches))

    def break_rhythm(self, signs: str) -> None:
        """a>b: the first is dotted, the second halved; a>>b doubly so; a<b the other way round."""
        between = self.elements and isinstance(self.elements[-1], Struck)
        if not between or self.latest is None or len(set(signs)) > 1:
            raise InputError(f"{signs!r} does not stand between two notes")
        self.broken = signs

    def apply_broken_rhythm(self, length: Fraction) -> Fraction:
        """Changes the note before > or <; returns the factor for the one after it.

        Between notes of different lengths the standard leaves it undefined; there it changes
        nothing, as in abc2midi, so that the bar keeps its length.
        """
        signs, self.broken = self.broken, ""
        before = None if self.latest is None else self.elements[self.latest]
        if self.latest is None or not isinstance(before, Struck) or before.length != length:
            return Fraction(1)
        short = Fraction(1, 2 ** len(signs))
        first, second = (2 - short, short) if signs[0] == ">" else (short, 2 - short)
        self.elements[self.latest] = before._replace(length=before.length * first)
        return second


def is_compound(metre: str) -> bool:
    """Whether the beats are dotted: in 6/8, 9/8 and 12/8, but not in 3/8 or 3/4."""
    above = metre.partition("/")[0].strip()
    return above.isdecimal() and len(above) <= 4 and int(above) > 3 and int(above) % 3 == 0
