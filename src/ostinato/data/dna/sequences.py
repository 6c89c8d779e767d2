"""Labelled DNA from the files people have: FASTA a file a class, FASTA with the segments in BED, and tables of sequences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ostinato.data.dna.bed import Segment, by_sequence, is_bed, read_bed
from ostinato.data.dna.fasta import ENDINGS, Entry, checked, entries, is_fasta, read_fasta, stem
from ostinato.data.files.lines import FilePath, iterate_lines
from ostinato.data.files.table import Row, is_table, read_table
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError

PARTS = re.compile(
    r"^(train|training|dev|valid|validation|test)[._-]|[._-](train|training|dev|valid|validation|test)$",
    re.I,
)
IN_HEADER = re.compile(r"(?:^|[\s;|])(?:label|class)=([^\s;|]+)")
SEPARATORS = re.compile(r"[\s,;]+")


class DnaSequence(NamedTuple):
    """A sequence: its bases as written; the label of the whole, or the segments that have one; its name, and where it stands.

    segments  in order, not overlapping; None where bases have no labels of their own
    margins   how many bases at either end are there only to be seen, and have no answer"""

    bases: str
    label: str = ""
    segments: tuple[Segment, ...] | None = None
    name: str = ""
    where: str = ""
    margins: tuple[int, int] = (0, 0)

    def part(self, start: int, end: int, margin: int = 0) -> DnaSequence:
        """Bases start to end - 1 with what is known of them, and up to `margin` bases more on either side, only to be seen."""
        left, right = min(margin, start), min(margin, len(self.bases) - end)
        first, last = start - left, end + right
        return self._replace(
            bases=self.bases[first:last],
            segments=clipped(self.segments or (), first, last),
            margins=(left, right),
        )


def clipped(segments: Sequence[Segment], start: int, end: int) -> tuple[Segment, ...]:
    """clipped([Segment(2, 9, "x")], 5, 7) -> (Segment(0, 2, "x"),): what lies between, counted from `start`"""
    inside = (each for each in segments if each.end > start and each.start < end)
    return tuple(
        Segment(max(each.start, start) - start, min(each.end, end) - start, each.label)
        for each in inside
    )


def numbers_of(strand: DnaSequence, known: dict[str, int], background: int) -> np.ndarray:
    """The number of each base's label [T]; that of an unknown label is len(known)."""
    numbers = np.full(len(strand.bases), background, dtype=np.int64)
    for segment in strand.segments or ():
        numbers[segment.start : segment.end] = known.get(segment.label, len(known))
    return numbers


# labelled, to learn from or to be tested on


def read_strands(
    files: Sequence[FilePath],
    *,
    columns: dict[str, str | None] | None = None,
    known: Sequence[str] = (),
) -> list[DnaSequence]:
    """The labelled sequences of the files, which may be

        FASTA and BED        a label a base: a segment's name inside, the background outside
        FASTA                a label a sequence: `label=` in its header, or else the file's name without train, dev or test
        tables               columns sequence (seq) and label (class): a label a sequence; or labels: a letter a base, or
                             separated words
        folders              of FASTA files, one a class

    columns  names of columns other than the usual, by what they are: {"sequence": "dna"}
    known    labels of a trained model: a file's name may begin with one of them"""
    files = [each for file in files for each in opened(file)]
    beds = [file for file in files if is_bed(file)]
    tables = [file for file in files if is_table(file)]
    fastas = [file for file in files if file not in beds and file not in tables]
    if tables and (beds or fastas):
        raise InputError(
            f"{' '.join(map(display_path, files))}: tables and FASTA cannot be mixed; give files of one kind"
        )
    if beds and not fastas:
        raise InputError(
            f"{' '.join(map(display_path, beds))}: segments of which sequences? give the FASTA file, too"
        )
    if tables:
        records = [record for file in tables for record in read_rows(file, columns or {})]
    elif beds:
        records = with_segments(fastas, beds)
    else:
        records = [record for file in fastas for record in with_labels(file, len(fastas), known)]
    if not records:
        raise InputError(f"{' '.join(map(display_path, files))}: no examples (no sequence)")
    empty = next((record for record in records if not record.bases), None)
    if empty is not None:
        raise InputError(f"{empty.where}: the sequence {empty.name!r} is empty; remove it")
    if len({record.segments is None for record in records}) > 1:
        raise InputError(
            f"{' '.join(map(display_path, files))}: labels of sequences and of bases cannot be mixed"
        )
    return records


def opened(file: FilePath) -> list[FilePath]:
    """A file by itself, or the FASTA files of a folder."""
    if not Path(file).is_dir():
        return [file]
    inside = sorted(path for path in Path(file).iterdir() if is_fasta(path))
    if not inside:
        raise InputError(
            f"{file}: a folder without FASTA files ({', '.join(ENDINGS)}); expected one a class"
        )
    return inside


def with_segments(fastas: Sequence[FilePath], beds: Sequence[FilePath]) -> list[DnaSequence]:
    found: dict[str, DnaSequence] = {}
    for file in fastas:
        for entry in read_fasta(file):
            if entry.name in found:
                raise InputError(
                    f"{entry.where}: the sequence {entry.name!r} stands in {found[entry.name].where}, too; names must differ"
                )
            found[entry.name] = DnaSequence(
                "".join(entry.pieces), name=entry.name, where=entry.where
            )
    lines = [line for file in beds for line in read_bed(file)]
    if not lines:
        raise InputError(f"{' '.join(map(display_path, beds))}: no segments (0 lines)")
    segments = by_sequence(lines, {name: len(strand.bases) for name, strand in found.items()})
    return [strand._replace(segments=segments[name]) for name, strand in found.items()]


def with_labels(file: FilePath, of: int, known: Sequence[str]) -> Iterator[DnaSequence]:
    """The sequences of a file with what its headers or its name say of them."""
    name = PARTS.sub("", stem(file))
    begun = [label for label in known if re.match(re.escape(label) + r"(?![A-Za-z0-9])", name)]
    by_file = max(begun, key=len) if begun else name if of > 1 else ""
    entry = None
    for entry in read_fasta(file):
        said = IN_HEADER.search(entry.description)
        label = said[1] if said else by_file
        if not label:
            raise InputError(
                f"{entry.where}: no label; give a FASTA file a class, headers with label=..., a BED file of segments, "
                "or a table with columns sequence and label"
            )
        yield DnaSequence("".join(entry.pieces), label, None, entry.name, entry.where)
    if entry is None:
        raise InputError(f"{display_path(file)}: no examples (no sequence)")


def read_rows(file: FilePath, columns: dict[str, str | None]) -> Iterator[DnaSequence]:
    """The rows of a table, each with its label or its bases' labels."""
    for number, row in enumerate(
        read_table(file, ("sequence",), optional=OPTIONAL, names=columns), start=1
    ):
        strand = of_row(row, number)
        if "labels" in row.values:
            segments = segments_of_labels(row.text("labels"), len(strand.bases), strand.where)
            yield strand._replace(segments=segments)
            continue
        column = next((name for name in ("label", "class") if name in row.values), None)
        if column is None:
            wanted = (
                "'label', 'class' or 'labels'"
                if columns.get("label") is None
                else repr(columns["label"])
            )
            raise InputError(
                f"{display_path(file)}:1: no column {wanted} among {', '.join(map(repr, row.values))}; name it with --label-column"
            )
        label = row.text(column).strip()
        if not label:
            raise InputError(f"{strand.where}: no label; complete the row or remove it")
        yield strand._replace(label=label)


OPTIONAL = ("label", "labels", "class", "name")


def of_row(row: Row, number: int) -> DnaSequence:
    where = f"{display_path(row.file)}:{row.line}"
    bases = checked(row.text("sequence").strip(), row.file, row.line)
    return DnaSequence(
        bases,
        "",
        None,
        row.text("name").strip() if row.values.get("name") else f"seq{number}",
        where,
    )


def segments_of_labels(text: str, length: int, where: str) -> tuple[Segment, ...]:
    """segments_of_labels("..EE", 4, ...) or (". . E E", ...) -> (Segment(0, 2, "."), Segment(2, 4, "E"))"""
    text = text.strip()
    labels = SEPARATORS.split(text) if SEPARATORS.search(text) else text
    if len(labels) != length:
        raise InputError(
            f"{where}: {len(labels):,} labels for {length:,} bases; expected one for each"
        )
    found, start = [], 0
    for label, run in groupby(labels):
        end = start + sum(1 for _ in run)
        found.append(Segment(start, end, label))
        start = end
    return tuple(found)


# unlabelled, to be answered


def read_entries(
    files: Sequence[FilePath], *, columns: dict[str, str | None] | None = None
) -> Iterator[Entry]:
    """What is to be labelled, streamed: FASTA, tables with a column `sequence`, or a sequence a line."""
    for file in files:
        if is_table(file):
            rows = read_table(
                file, ("sequence",), optional=OPTIONAL, names=columns or {}, keep_blank=True
            )
            for number, row in enumerate(rows, start=1):
                strand = of_row(Row(row.file, row.line, {"name": "", **row.values}), number)
                yield Entry(strand.name, "", strand.where, iter([strand.bases]))
            continue
        lines = iterate_lines(file)
        before: list[str] = []
        for line in lines:
            before.append(line)
            if line.strip():
                break
        starts_as_fasta = bool(before) and before[-1].lstrip().startswith((">", ";"))
        if is_fasta(file) or starts_as_fasta:
            yield from entries(chain(before, lines), file)
        else:
            yield from one_a_line(chain(before, lines), file)


def one_a_line(lines: Iterable[str], file: FilePath) -> Iterator[Entry]:
    for number, line in enumerate(lines, start=1):
        yield Entry(
            f"seq{number}",
            "",
            f"{display_path(file)}:{number}",
            iter([checked(line.strip(), file, number)]),
        )
