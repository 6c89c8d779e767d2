"""DNA sequences with labels, of the whole or of their bases, from FASTA, BED and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import NamedTuple

import numpy as np

from ostinato.data.dna.bed import Segment, group_segments, read_bed
from ostinato.data.dna.fasta import (
    StreamedSequence,
    check_bases,
    is_fasta,
    parse_fasta,
    read_fasta,
    stem,
)
from ostinato.data.dna.sorted_files import sort_files
from ostinato.data.files.columns import Row
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import begins_as_table, is_table, read_table
from ostinato.data.files.wording import display_path, quote
from ostinato.errors import InputError, option_name

# what a file's name says of the split rather than of the class: train_oct4.fa, oct4_test.fa
SPLIT_NAMES = re.compile(
    r"^(train|training|dev|valid|validation|test)[._-]"
    r"|[._-](train|training|dev|valid|validation|test)$",
    re.I,
)
HEADER_LABEL = re.compile(r"(?:^|[\s;|])(?:label|class)=([^\s;|]+)")
SEPARATORS = re.compile(r"[\s,;]+")
OPTIONAL_COLUMNS = ("label", "labels", "class", "name")

ColumnNames = Mapping[str, str | None]


class DnaSequence(NamedTuple):
    """A sequence, with its label or with those of its bases.

    Args:
        bases: The letters as in the file.
        label: Of the whole sequence; "" if unknown.
        segments: The labelled segments in order, not overlapping; None where bases have no labels.
        name: Of the sequence.
        where: File and line.
        margins: How many bases at either end are context only, without labels to predict.
    """

    bases: str
    label: str = ""
    segments: tuple[Segment, ...] | None = None
    name: str = ""
    where: str = ""
    margins: tuple[int, int] = (0, 0)

    def slice(self, start: int, end: int, margin: int = 0) -> DnaSequence:
        """Bases start to end - 1 with their segments, and up to `margin` bases of context on
        either side."""
        left, right = min(margin, start), min(margin, len(self.bases) - end)
        first, last = start - left, end + right
        return self._replace(
            bases=self.bases[first:last],
            segments=clip_segments(self.segments or (), first, last),
            margins=(left, right),
        )


def clip_segments(segments: Sequence[Segment], start: int, end: int) -> tuple[Segment, ...]:
    """The segments inside a range, relative to its start.

    clip_segments([Segment(2, 9, "x")], 5, 7) -> (Segment(0, 2, "x"),)"""
    inside = (each for each in segments if each.end > start and each.start < end)
    return tuple(
        Segment(max(each.start, start) - start, min(each.end, end) - start, each.label)
        for each in inside
    )


def encode_segments(
    sequence: DnaSequence, label_ids: Mapping[str, int], background: int
) -> np.ndarray:
    """The label id of each base [T]: `background` outside segments, len(label_ids) if unknown."""
    ids = np.full(len(sequence.bases), background, dtype=np.int64)
    for segment in sequence.segments or ():
        ids[segment.start : segment.end] = label_ids.get(segment.label, len(label_ids))
    return ids


def cut_to_middle(bases: str, maximum_length: int) -> str:
    """The middle of a longer sequence: cut_to_middle("AACGTT", 2) -> "CG" """
    excess = len(bases) - maximum_length
    return bases if excess <= 0 else bases[excess // 2 : excess // 2 + maximum_length]


# labelled sequences, for training and testing


def read_labelled(
    files: Sequence[FilePath],
    *,
    columns: ColumnNames | None = None,
    known: Sequence[str] = (),
    one_label: bool = False,
) -> list[DnaSequence]:
    """The labelled sequences of files:

        FASTA and BED   a label a base: the segment's name inside segments, the background outside
        FASTA           a label a sequence: `label=` in its header, or else the file's name without
                        train, dev or test
        tables          columns sequence (seq) and label (class): a label a sequence; or labels: a
                        letter a base, or separated words
        folders         of FASTA files, one a class

    Args:
        files: All of one of these kinds.
        columns: Columns under other names: {"sequence": "dna"}.
        known: Labels of a trained model; a file's name may begin with one of them.
        one_label: Whether all segments of BED files have one label, whatever their names.

    Raises:
        InputError: Mixed kinds, no or empty sequences, missing labels; with file and line.
    """
    return list(stream_labelled(files, columns=columns, known=known, one_label=one_label))


def stream_labelled(
    files: Sequence[FilePath],
    *,
    columns: ColumnNames | None = None,
    known: Sequence[str] = (),
    one_label: bool = False,
) -> Iterator[DnaSequence]:
    """As `read_labelled`, one sequence after another."""
    given = sort_files(files)
    records: Iterable[DnaSequence]
    if given.tables:
        records = chain.from_iterable(read_rows(file, columns or {}) for file in given.tables)
    elif given.beds:
        records = read_segmented(given.fastas, given.beds, one_label=one_label)
    else:
        several = len(given.fastas) > 1
        records = chain.from_iterable(
            read_classes(file, known, several=several) for file in given.fastas
        )
    per_base = None
    for record in records:
        require_bases(len(record.bases), record.name, record.where)
        if per_base not in (None, record.segments is not None):
            raise InputError(f"{given.shown}: labels of sequences and of bases cannot be mixed")
        per_base = record.segments is not None
        yield record
    if per_base is None:
        raise InputError(f"{given.shown}: no examples (no sequence)")


def require_bases(bases: int, name: str, where: str) -> None:
    """Raises InputError for an empty sequence."""
    if not bases:
        raise InputError(f"{where}: the sequence {quote(name)} is empty; remove it")


def read_segmented(
    fastas: Sequence[FilePath], beds: Sequence[FilePath], *, one_label: bool = False
) -> list[DnaSequence]:
    """The sequences of FASTA files with the segments of BED files."""
    found = [
        DnaSequence("".join(entry.pieces), name=entry.name, where=entry.where)
        for entry in read_entries(fastas)
    ]
    lengths = {sequence.name: len(sequence.bases) for sequence in found}
    segments = read_segments(beds, lengths, one_label=one_label)
    return [sequence._replace(segments=segments[sequence.name]) for sequence in found]


def read_entries(fastas: Sequence[FilePath]) -> Iterator[StreamedSequence]:
    """The sequences of FASTA files; InputError for two of one name."""
    found: dict[str, str] = {}
    for file in fastas:
        for entry in read_fasta(file):
            if entry.name in found:
                raise InputError(
                    f"{entry.where}: the sequence {quote(entry.name)} stands in "
                    f"{found[entry.name]}, too; names must differ"
                )
            found[entry.name] = entry.where
            yield entry


def read_segments(
    beds: Sequence[FilePath], lengths: Mapping[str, int], *, one_label: bool
) -> dict[str, tuple[Segment, ...]]:
    """The segments of BED files by the name of their sequence, of sequences of these lengths."""
    lines = [line for file in beds for line in read_bed(file, one_label=one_label)]
    if not lines:
        raise InputError(f"{' '.join(map(display_path, beds))}: no segments (0 lines)")
    return group_segments(lines, lengths)


def read_classes(file: FilePath, known: Sequence[str], *, several: bool) -> Iterator[DnaSequence]:
    """The sequences of a FASTA file with the label of each header, or else of the file's name.

    Args:
        file: The file.
        known: Labels of a trained model; the longest that the file's name begins with is used.
        several: Whether there are several files, so that the name of each can be a label.
    """
    name = SPLIT_NAMES.sub("", stem(file))
    prefixes = [label for label in known if re.match(re.escape(label) + r"(?![A-Za-z0-9])", name)]
    file_label = max(prefixes, key=len) if prefixes else name if several else ""
    entry = None
    for entry in read_fasta(file):
        in_header = HEADER_LABEL.search(entry.description)
        label = in_header[1] if in_header else file_label
        if not label:
            raise InputError(
                f"{entry.where}: no label; give a FASTA file a class, headers with label=..., "
                "a BED file of segments, or a table with columns sequence and label"
            )
        yield DnaSequence("".join(entry.pieces), label, None, entry.name, entry.where)
    if entry is None:
        raise InputError(f"{display_path(file)}: no examples (no sequence)")


def read_rows(file: FilePath, columns: ColumnNames) -> Iterator[DnaSequence]:
    """The rows of a table, each with its label or the labels of its bases."""
    rows = read_table(file, ("sequence",), optional=OPTIONAL_COLUMNS, names=columns)
    for number, row in enumerate(rows, start=1):
        sequence = parse_row(row, number)
        if "labels" in row.values:
            segments = parse_labels(row.text("labels"), len(sequence.bases), sequence.where)
            yield sequence._replace(segments=segments)
            continue
        column = next((name for name in ("label", "class") if name in row.values), None)
        if column is None:
            given = columns.get("label")
            wanted = "'label', 'class' or 'labels'" if given is None else repr(given)
            raise InputError(
                f"{display_path(file)}:1: no column {wanted} among "
                f"{', '.join(quote(name, 40) for name in row.values)}; "
                f"name it with {option_name('label_column')}"
            )
        label = row.text(column).strip()
        if not label:
            raise InputError(f"{sequence.where}: no label; complete the row or remove it")
        yield sequence._replace(label=label)


def parse_row(row: Row, number: int) -> DnaSequence:
    """The sequence of a table's row without its labels; the n-th is called "seqN" by default."""
    where = f"{display_path(row.file)}:{row.line}"
    bases = check_bases(row.text("sequence").strip(), row.file, row.line)
    name = row.text("name").strip() if row.values.get("name") else f"seq{number}"
    return DnaSequence(bases, "", None, name, where)


def parse_labels(text: str, length: int, where: str) -> tuple[Segment, ...]:
    """The labels of all bases, a letter each or separated words, as segments.

    parse_labels("..EE", 4, ...) -> (Segment(0, 2, "."), Segment(2, 4, "E")), as ". . E E" does"""
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


# unlabelled sequences, for predicting


def read_unlabelled(
    files: Sequence[FilePath], *, columns: ColumnNames | None = None
) -> Iterator[StreamedSequence]:
    """Sequences to be labelled, streamed: FASTA, tables with a column `sequence`, or one a line."""
    for file in files:
        if is_table(file) or begins_as_table(file, "sequence", (columns or {}).get("sequence")):
            rows = read_table(
                file,
                ("sequence",),
                optional=OPTIONAL_COLUMNS,
                names=columns or {},
                keep_blank=True,
            )
            for number, row in enumerate(rows, start=1):
                sequence = parse_row(Row(row.file, row.line, {"name": "", **row.values}), number)
                yield StreamedSequence(sequence.name, "", sequence.where, iter([sequence.bases]))
            continue
        lines = iterate_lines(file)
        first: list[str] = []  # up to the first line that is not blank
        for line in lines:
            first.append(line)
            if line.strip():
                break
        starts_as_fasta = bool(first) and first[-1].lstrip().startswith((">", ";"))
        if is_fasta(file) or starts_as_fasta:
            yield from parse_fasta(chain(first, lines), file)
        else:
            yield from parse_lines(chain(first, lines), file)


def parse_lines(lines: Iterable[str], file: FilePath) -> Iterator[StreamedSequence]:
    """A sequence a line."""
    for number, line in enumerate(lines, start=1):
        bases = check_bases(line.strip(), file, number)
        where = f"{display_path(file)}:{number}"
        yield StreamedSequence(f"seq{number}", "", where, iter([bases]))
