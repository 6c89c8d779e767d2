"""BED: segments of named sequences, a line each. `chr1 100 250 exon` is bases 100 to 249, counted from 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ostinato.data.files.lines import FilePath, iterate_lines
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError, nearest

UNNAMED = "segment"  # the label of segments whose line has no name, or "."
NOT_DATA = ("track", "browser")


class Segment(NamedTuple):
    """Bases start to end - 1 of a sequence, and what they are."""

    start: int
    end: int
    label: str


class Line(NamedTuple):
    """A segment as a file has it: the sequence's name, the segment, and where it stands."""

    name: str
    segment: Segment
    where: str


def is_bed(file: FilePath) -> bool:
    """Whether a file's name says that it is BED: is_bed("exons.bed.gz") -> True"""
    return Path(str(file).removesuffix(".gz")).suffix.lower() == ".bed"


def read_bed(file: FilePath) -> list[Line]:
    """The segments of a file in its order, which may be any; between tabs or spaces, three columns or more.

    InputError, with the line: fewer columns, an end that is no number or not behind its start."""
    found = []
    for number, line in enumerate(iterate_lines(file), start=1):
        fields = line.split("\t") if "\t" in line else line.split()
        fields = [field.strip() for field in fields]
        if not any(fields) or fields[0].startswith("#") or fields[0].split()[0] in NOT_DATA:
            continue
        where = f"{display_path(file)}:{number}"
        if len(fields) < 3:
            raise InputError(
                f"{where}: expected at least 3 columns (name, start, end, perhaps a label), got {len(fields)}"
            )
        if not (fields[1].isdecimal() and fields[2].isdecimal()):
            raise InputError(
                f"{where}: start and end must be whole numbers; got {fields[1]!r} and {fields[2]!r}"
            )
        start, end = int(fields[1]), int(fields[2])
        if end <= start:
            raise InputError(f"{where}: the segment ends at {end}, not behind its start at {start}")
        label = fields[3] if len(fields) > 3 and fields[3] not in ("", ".") else UNNAMED
        found.append(Line(fields[0], Segment(start, end, label), where))
    return found


def by_sequence(
    lines: Sequence[Line], lengths: Mapping[str, int]
) -> dict[str, tuple[Segment, ...]]:
    """The segments of each sequence in order, those of one label that touch joined.

    InputError, with the line: a sequence that is not there, a segment beyond its end, two of unlike labels that overlap."""
    found: dict[str, list[Line]] = {name: [] for name in lengths}
    for line in lines:
        if line.name not in lengths:
            raise InputError(
                f"{line.where}: there is no sequence {line.name!r} in the FASTA files{nearest(line.name, list(lengths)[:20])}"
            )
        if line.segment.end > lengths[line.name]:
            raise InputError(
                f"{line.where}: the segment ends at {line.segment.end:,}, but {line.name} has {lengths[line.name]:,} bases"
            )
        found[line.name].append(line)
    return {
        name: joined(sorted(each, key=lambda line: line.segment[:2]))
        for name, each in found.items()
    }


def joined(lines: Sequence[Line]) -> tuple[Segment, ...]:
    """Segments in order of their starts; those of one label that overlap or touch become one."""
    result: list[Segment] = []
    last = ""
    for line in lines:
        segment = line.segment
        before = result[-1] if result else None
        if before is not None and segment.start < before.end and segment.label != before.label:
            raise InputError(
                f"{line.where}: {segment.label!r} overlaps {before.label!r} ({last}); a base has one label only"
            )
        if before is not None and segment.start <= before.end and segment.label == before.label:
            result[-1] = before._replace(end=max(before.end, segment.end))
        else:
            result.append(segment)
        last = line.where
    return tuple(result)


def bed_line(name: str, segment: Segment, score: float) -> str:
    """bed_line("chr1", Segment(100, 250, "exon"), 0.934) -> the six columns; BED scores are whole numbers from 0 to 1000."""
    return f"{name}\t{segment.start}\t{segment.end}\t{segment.label}\t{round(1000 * score)}\t."
