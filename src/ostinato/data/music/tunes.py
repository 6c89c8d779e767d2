"""Tunes: notes on a grid of equal time steps, whatever file they came from.

A step is a fraction of a quarter note (`--steps-per-quarter`). Pitches are MIDI's, 0 to 127: 60 is
middle C."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import ceil
from typing import NamedTuple

import numpy as np

PITCHES = 128
HOLD, REST, END = (
    PITCHES,
    PITCHES + 1,
    PITCHES + 2,
)  # events of a single voice besides "strike this pitch"
EVENTS = PITCHES + 3
LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ORDER = "FCGDAEB"  # in which sharps are added to a key; flats in reverse
# Krumhansl and Kessler 1982: how well each pitch class fits a major and a minor key
MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


class Note(NamedTuple):
    """When it is struck and how long it lasts, in steps, and its MIDI pitch."""

    start: int
    length: int
    pitch: int


class Tune(NamedTuple):
    """Notes in order, and the length of the whole.

    Attributes:
        notes: in the order of their starts.
        steps: the length, with rests at the end.
        label: the kind of tune ("jig"); "" if unknown.
        title: as the file has it.
        sharps: of the key signature, flats are negative; None if unknown.
        metre: such as "6/8"; "" if unknown.
        where: the file and line that it was read from.
        offset: steps before the first one, in a part of a longer tune.
        ends: False in a part that another follows.
    """

    notes: tuple[Note, ...]
    steps: int
    label: str = ""
    title: str = ""
    sharps: int | None = None
    metre: str = ""
    where: str = ""
    offset: int = 0
    ends: bool = True

    def transposed(self, semitones: int) -> Tune:
        """The tune in another key.

        Raises:
            ValueError: a note would leave MIDI's range.
        """
        notes = tuple(note._replace(pitch=note.pitch + semitones) for note in self.notes)
        if (
            notes
            and not 0
            <= min(note.pitch for note in notes)
            <= max(note.pitch for note in notes)
            < PITCHES
        ):
            raise ValueError(f"semitones: {semitones} takes a note out of 0 to {PITCHES - 1}")
        sharps = None if self.sharps is None else shift_sharps(self.sharps, semitones)
        return self._replace(notes=notes, sharps=sharps)

    def room(self, most: int) -> range:
        """The transpositions within MIDI's range, by up to `most` semitones: range(-5, 6)"""
        low, high = (
            min((note.pitch for note in self.notes), default=0),
            max((note.pitch for note in self.notes), default=0),
        )
        return range(-min(most, low), min(most, PITCHES - 1 - high) + 1)

    def parts(self, steps: int) -> list[Tune]:
        """The tune in parts of at most `steps`; a note that is cut continues as another."""
        if self.steps <= steps:
            return [self]
        starts = range(0, self.steps, steps)
        notes: list[list[Note]] = [[] for _ in starts]
        for note in self.notes:
            for part in range(note.start // steps, (note.start + note.length - 1) // steps + 1):
                begin, end = (
                    max(note.start, part * steps),
                    min(note.start + note.length, (part + 1) * steps),
                )
                notes[part].append(Note(begin - part * steps, end - begin, note.pitch))
        return [
            self._replace(
                notes=tuple(found),
                steps=min(steps, self.steps - start),
                offset=self.offset + start,
                ends=self.ends and start + steps >= self.steps,
            )
            for start, found in zip(starts, notes, strict=True)
        ]


def on_grid(
    notes: Iterable[tuple[Fraction, Fraction, int]], steps_per_quarter: int
) -> tuple[Note, ...]:
    """Notes (start, end, pitch) in quarters, rounded to steps.

    Each has one step at least, and no two of the same pitch overlap.
    """
    found: dict[tuple[int, int], int] = {}
    for start, end, pitch in notes:
        begin = nearest_step(start, steps_per_quarter)
        length = max(1, nearest_step(end, steps_per_quarter) - begin)
        found[begin, pitch] = max(length, found.get((begin, pitch), 0))
    starts: dict[int, list[int]] = {}
    for begin, pitch in sorted(found):
        starts.setdefault(pitch, []).append(begin)
    following = {
        (begin, pitch): after
        for pitch, begins in starts.items()
        for begin, after in zip(begins, begins[1:], strict=False)
    }
    return tuple(
        Note(begin, min(length, following.get((begin, pitch), begin + length) - begin), pitch)
        for (begin, pitch), length in sorted(found.items())
    )


def nearest_step(time: Fraction, steps_per_quarter: int) -> int:
    """A time in quarters, rounded to steps."""
    return int(time * steps_per_quarter + Fraction(1, 2))


def events_of(tune: Tune) -> np.ndarray:
    """A tune as one voice: for each step the pitch that is struck, HOLD or REST.

    Of several notes that sound together the highest is taken.
    """
    owner = np.full(tune.steps, -1, np.int64)
    for place in sorted(range(len(tune.notes)), key=lambda place: tune.notes[place].pitch):
        note = tune.notes[place]
        owner[note.start : note.start + note.length] = place
    pitches = np.array([note.pitch for note in tune.notes] or [0])
    begins = np.concatenate([[True], owner[1:] != owner[:-1]])[: tune.steps]
    return np.where(owner < 0, REST, np.where(begins, pitches[owner], HOLD))


def notes_of_events(events: Sequence[int]) -> tuple[Note, ...]:
    """notes_of_events([60, HOLD, REST, 62]) -> (Note(0, 2, 60), Note(3, 1, 62))

    HOLD without a note before it is a rest.
    """
    notes: list[Note] = []
    for step, event in enumerate(events):
        if event < PITCHES:
            notes.append(Note(step, 1, int(event)))
        elif event == HOLD and notes and notes[-1].start + notes[-1].length == step:
            notes[-1] = notes[-1]._replace(length=notes[-1].length + 1)
    return tuple(notes)


def chords_of(tune: Tune) -> np.ndarray:
    """Which pitches sound at each step, [steps, 128] bool; not whether they are struck anew."""
    chords = np.zeros((tune.steps, PITCHES), bool)
    for note in tune.notes:
        chords[note.start : note.start + note.length, note.pitch] = True
    return chords


def notes_of_chords(chords: np.ndarray) -> tuple[Note, ...]:
    """The inverse of `chords_of`: a pitch that sounds for several steps in a row is one note."""
    if not len(chords):
        return ()
    edges = np.diff(
        np.concatenate(
            [
                np.zeros((1, PITCHES), np.int8),
                chords.astype(np.int8),
                np.zeros((1, PITCHES), np.int8),
            ]
        ),
        axis=0,
    )
    pitches, starts = np.nonzero(edges.T == 1)
    ends = np.nonzero(edges.T == -1)[1]
    return tuple(
        sorted(
            Note(int(s), int(e - s), int(p)) for p, s, e in zip(pitches, starts, ends, strict=True)
        )
    )


def sharps_of(tune: Tune) -> int:
    """The sharps of its key signature: the file's, or else those of the key that fits best.

    Source: Krumhansl 1990, chapter 4.
    """
    if tune.sharps is not None:
        return tune.sharps
    weights = np.zeros(12)
    for note in tune.notes:
        weights[note.pitch % 12] += note.length
    if not weights.any() or weights.std() == 0:
        return 0
    fits = [
        (np.corrcoef(np.roll(profile, tonic), weights)[0, 1], (tonic + add) % 12)
        for profile, add in ((MAJOR, 0), (MINOR, 3))
        for tonic in range(12)
    ]
    return sharps_of_major(max(fits)[1])


def sharps_of_major(tonic: int) -> int:
    """sharps_of_major(7) -> 1 (G major); sharps_of_major(5) -> -1 (F major)"""
    return (tonic * 7 + 5) % 12 - 5


def shift_sharps(sharps: int, semitones: int) -> int:
    """The signature of a key that is transposed: shift_sharps(1, 2) -> 3 (G to A major)"""
    return (sharps + 7 * semitones + 5) % 12 - 5 if semitones else sharps


def signature(sharps: int) -> dict[str, int]:
    """signature(2) -> {"F": 1, "C": 1}; signature(-1) -> {"B": -1}"""
    return dict.fromkeys(ORDER[: max(0, sharps)], 1) | dict.fromkeys(
        ORDER[::-1][: max(0, -sharps)], -1
    )


def to_c(tune: Tune) -> int:
    """The semitones to C major or A minor, by the shorter way."""
    tonic = sharps_of(tune) * 7 % 12
    return min((-tonic % 12, -tonic % 12 - 12), key=abs)


def end_of_bar(time: Fraction, metres: Sequence[tuple[Fraction, str]]) -> Fraction:
    """When the bar ends in which something ends at `time`; all in quarters.

    Args:
        time: where the last note ends.
        metres: (from when on, metre), in order; a bar begins where a metre does.
    """
    for start, metre in reversed(metres):
        length = bar_length(metre)
        if start < time:
            return time if length is None else start + length * ceil((time - start) / length)
    return time


def steps_in_bar(metre: str, steps_per_quarter: int) -> int:
    """steps_in_bar("6/8", 4) -> 12; 0 in a free metre, and where bars do not fall on steps."""
    length = bar_length(metre)
    steps = None if length is None else length * steps_per_quarter
    return int(steps) if steps is not None and steps.denominator == 1 else 0


def bar_length(metre: str) -> Fraction | None:
    """The quarters of a bar: bar_length("6/8") -> 3; None for "", "none" and other free metres."""
    metre = {"C": "4/4", "C|": "2/2"}.get(metre.strip(), metre.strip())
    above, _, below = metre.partition("/")
    numbers = [number.strip() for number in (*above.strip("() ").split("+"), below)]
    if not all(number.isdecimal() and len(number) <= 4 for number in numbers):
        return None
    *beats, unit = map(int, numbers)
    return Fraction(4 * sum(beats), unit) if unit and sum(beats) else None
