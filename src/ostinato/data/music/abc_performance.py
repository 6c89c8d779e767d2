"""The performance of an ABC voice: repeats, numbered endings, parts, overlays and ties.

Source: the ABC standard 2.1, sections 4.8 (bar lines), 4.9 (first and second repeats), 4.10
(variant endings), 4.11 (ties), 3.1.9 (parts) and 7.4 (voice overlay)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from ostinato.errors import InputError

MOST_PARTS = 1000  # in a play order
MOST_ELEMENTS = 1_000_000  # notes, rests and bar lines of a voice with its repeats


class Struck(NamedTuple):
    """Notes that are struck together, or none of them: a rest. The length is in quarters."""

    pitches: tuple[int, ...]
    tied: tuple[bool, ...]  # of each pitch: is it tied to the next note
    length: Fraction


class Bar(NamedTuple):
    """A bar line, or the beginning of a numbered ending inside a bar (`line` is False)."""

    ends: int = 0  # colons before the line: a section ends that is played 1 + `ends` times
    begins: int = 0  # colons after it: a section begins that is played 1 + `begins` times
    double: bool = False
    endings: tuple[int, ...] = ()  # "[1,3": the ending that begins here is for passes 1 and 3
    line: bool = True


class Overlay(NamedTuple):
    """`&`: what follows is played together with the bar so far."""


class Part(NamedTuple):
    """The beginning of the part that a play order knows by this letter."""

    letter: str


Element = Struck | Bar | Overlay | Part


class Performance(NamedTuple):
    """Notes (start, end, pitch), the whole length, and the length of the first bar; in quarters."""

    notes: list[tuple[Fraction, Fraction, int]]
    length: Fraction
    first_bar: Fraction


@dataclass
class Block:
    """A stretch of a section: its body, or an ending for the passes of its numbers."""

    endings: tuple[int, ...] = ()
    elements: list[Element] = field(default_factory=list)
    repeats: bool = False  # after it the next pass begins


@dataclass
class Section:
    """What is repeated as a whole."""

    opened: bool = False  # by |:, or by the beginning of the tune
    times: int = 1
    blocks: list[Block] = field(default_factory=lambda: [Block()])

    @property
    def ends_repeat(self) -> bool:
        return any(block.repeats for block in self.blocks)

    @property
    def is_empty(self) -> bool:
        return not any(block.elements for block in self.blocks)

    def passes(self) -> list[int]:
        """The numbers of the passes: [1, 2] for `|: ... :|`, [1, 2, 3] with endings 1,2 and 3."""
        endings = [block for block in self.blocks if block.endings]
        numbers = {number for block in endings for number in block.endings}
        if len(endings) > 1:
            return sorted(numbers)
        if not self.ends_repeat:
            return [1]
        return sorted(numbers | set(range(1, self.times + 1)))

    def play(self, number: int) -> Iterator[Element]:
        """One pass. Without any repeat sign all blocks are played one after the other."""
        last = number == self.passes()[-1]
        several = len(self.passes()) > 1
        for block in self.blocks:
            if several and block.endings and number not in block.endings:
                continue
            yield from block.elements
            if several and not last and (block.repeats or block.endings):
                return


def read_play_order(value: str) -> list[str]:
    """read_play_order("A(AB)2") -> ["A", "A", "B", "A", "B"]; a P: field of the header."""
    groups: list[list[str]] = [[]]
    latest: list[str] = []
    for token in re.findall(r"[A-Za-z]|\d+|[()]", value):
        if token == "(":
            groups.append([])
            latest = []
        elif token == ")":
            latest = groups.pop() if len(groups) > 1 else []
            groups[-1] += latest
        elif token.isdigit():
            if len(token) > 3 or len(latest) * int(token) > MOST_PARTS:
                raise InputError(f"P:{value} is longer than {MOST_PARTS:,} parts")
            groups[-1] += latest * (int(token) - 1)
            latest = []
        else:
            latest = [token]
            groups[-1] += latest
        if sum(map(len, groups)) > MOST_PARTS:
            raise InputError(f"P:{value} is longer than {MOST_PARTS:,} parts")
    return [letter for group in groups for letter in group]


def perform_order(
    elements: Sequence[Element], *, repeats: bool, parts: Sequence[str] = ()
) -> Iterator[Element]:
    """The elements of a voice in the order in which they are played.

    Args:
        elements: the voice as it is written.
        repeats: repeated sections are played again, each pass with its own ending, and parts as
            often as the play order says. Without, everything is played once, of several endings
            the last.
        parts: the play order, if the header has one.

    Raises:
        InputError: the repeats make it longer than any tune.
    """
    count = 0
    for stretch in order_parts(elements, parts if repeats else list(dict.fromkeys(parts))):
        for section in split_sections(stretch):
            for number in section.passes() if repeats else section.passes()[-1:]:
                for element in section.play(number):
                    count += 1
                    if count > MOST_ELEMENTS:
                        raise InputError(f"its repeats make over {MOST_ELEMENTS:,} notes")
                    yield element


def order_parts(elements: Sequence[Element], parts: Sequence[str]) -> list[list[Element]]:
    """What comes before the first part, and the parts in their play order."""
    before: list[Element] = []
    found: dict[str, list[Element]] = {}
    current = before
    for element in elements:
        if not isinstance(element, Part):
            current.append(element)
        elif parts:
            current = found.setdefault(element.letter, [])
    return [before, *(found[letter] for letter in parts if letter in found)]


def split_sections(elements: Sequence[Element]) -> list[Section]:
    """Splits a voice where repeats begin and end.

    A section begins at `|:` or after the end of another one. `:|` without a `|:` goes back to the
    latest double bar line or end of a repeated section; the first of a tune to the beginning, as
    in abc2midi. The `:|` after an ending does not end the section while another ending follows;
    nor does the one after the last ending repeat anything.
    """
    sections = [Section(opened=True)]
    for index, element in enumerate(elements):
        section = sections[-1]
        section.blocks[-1].elements.append(element)
        if not isinstance(element, Bar):
            continue
        if element.ends:
            section.blocks[-1].repeats = True
            section.times = max(section.times, 1 + element.ends)
        endings = element.endings or following_endings(elements, index)
        if element.begins or closes(element, section, endings):
            section = Section(opened=bool(element.begins), times=1 + element.begins)
            sections.append(section)
        if element.endings:
            section.blocks.append(Block(element.endings))
    return [section for section in sections if not section.is_empty]


def closes(bar: Bar, section: Section, endings: tuple[int, ...]) -> bool:
    """Whether a section ends at a bar line, after which `endings` begin."""
    if bar.ends:
        return not endings or 1 in endings
    if not bar.double or endings:
        return False
    # inside |: ... :|, and inside a first ending, a double bar line ends no section
    return section.ends_repeat or (len(section.blocks) == 1 and not section.opened)


def following_endings(elements: Sequence[Element], index: int) -> tuple[int, ...]:
    """The numbers of an ending that begins directly after a bar line."""
    after = elements[index + 1] if index + 1 < len(elements) else None
    return after.endings if isinstance(after, Bar) else ()


def perform(elements: Iterator[Element]) -> Performance:
    """Gives each note its time, and joins tied notes.

    An overlay begins again at the latest bar line, in a layer of its own; a note is tied to a note
    of its layer.
    """
    notes: list[tuple[Fraction, Fraction, int]] = []
    time, bar, first_bar, furthest = Fraction(0), Fraction(0), Fraction(0), Fraction(0)
    ties: list[dict[int, int]] = [{}]  # of each layer: pitch -> index of the note that is tied
    layer = 0
    for element in elements:
        if isinstance(element, Bar):
            if element.line:
                time = bar = max(time, furthest)
                first_bar = first_bar or time
                layer = 0
        elif isinstance(element, Overlay):
            furthest, time = max(furthest, time), bar
            layer += 1
            if layer == len(ties):
                ties.append({})
        elif isinstance(element, Struck):
            end = time + element.length
            ties[layer] = strike(element, time, end, notes, ties[layer])
            time = end
    return Performance(notes, max(time, furthest), first_bar)


def strike(
    element: Struck,
    start: Fraction,
    end: Fraction,
    notes: list[tuple[Fraction, Fraction, int]],
    ties: dict[int, int],
) -> dict[int, int]:
    """Adds notes, or lengthens those that are tied to them; returns the new ties."""
    following = {}
    for pitch, tied in zip(element.pitches, element.tied, strict=True):
        index = ties.get(pitch)
        if index is not None and notes[index][1] == start:
            notes[index] = (notes[index][0], end, pitch)
        else:
            index = len(notes)
            notes.append((start, end, pitch))
        if tied:
            following[pitch] = index
    return following
