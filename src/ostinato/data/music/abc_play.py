"""How what stands in an ABC tune is played: repeats, endings and ties, from elements to notes with their times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple


class Struck(NamedTuple):
    """One or several notes struck together, or none (a rest): their pitches, which of them are tied to what follows, how long."""

    pitches: tuple[int, ...]
    tied: tuple[bool, ...]
    length: Fraction


class Bar(NamedTuple):
    """A bar line: does a repeat end or begin here, and which ending begins ("1", "2", or "")."""

    ends: bool
    begins: bool
    ending: str = ""


def order(elements: Sequence[Struck | Bar], repeats: bool) -> Iterator[Struck | Bar]:
    """The elements in the order in which they are played: repeated parts twice, each time with its own ending; or, without
    `repeats`, everything once, of several endings the last."""
    begin, place, second, ended = 0, 0, not repeats, set()
    while place < len(elements):
        bar = elements[place]
        if isinstance(bar, Bar):
            if bar.ends and repeats and not second and place not in ended:
                ended.add(place)
                place, second = begin, True
                continue
            if bar.ends or bar.begins:
                begin, second = place + 1, not repeats
            after = next_ending(elements, place)
            if (
                bar.ending
                and not bar.ends
                and second
                and "2" not in bar.ending
                and after is not None
            ):
                place, begin, second = after, after + 1, not repeats
        yield elements[place]
        place += 1


def next_ending(elements: Sequence[Struck | Bar], place: int) -> int | None:
    """Where the ending after the one at `place` begins."""
    return next(
        (
            after
            for after, bar in enumerate(elements[place + 1 :], start=place + 1)
            if isinstance(bar, Bar) and bar.ending
        ),
        None,
    )


def play(
    elements: Sequence[Struck | Bar],
) -> tuple[list[tuple[Fraction, Fraction, int]], Fraction, Fraction]:
    """(the notes with their times in quarters, how long all of it is, how long the first bar is)."""
    notes: list[tuple[Fraction, Fraction, int]] = []
    time, first = Fraction(0), Fraction(0)
    tied: dict[int, int] = {}  # pitch -> which note goes on
    for element in elements:
        if isinstance(element, Bar):
            first = first or time
            continue
        end = time + element.length
        going_on = {}
        for pitch, tie in zip(element.pitches, element.tied, strict=True):
            if pitch in tied and notes[tied[pitch]][1] == time:
                place = tied[pitch]
                notes[place] = (notes[place][0], end, pitch)
            else:
                place = len(notes)
                notes.append((time, end, pitch))
            if tie:
                going_on[pitch] = place
        time, tied = end, going_on
    return notes, time, first
