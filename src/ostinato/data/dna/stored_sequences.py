"""Sequences with a label for each base, on disk: any part of them is read when asked for.

Of each base two numbers are stored: its letter, and 0 outside segments or else the number of its
segment's label."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np

from ostinato.data.dna.bed import Segment
from ostinato.data.dna.sequences import (
    DnaSequence,
    read_entries,
    read_segments,
    require_bases,
    stream_labelled,
)
from ostinato.data.dna.sorted_files import sort_files
from ostinato.data.files.streams import FilePath
from ostinato.data.stored.array_file import ArrayFile, ArrayWriter
from ostinato.data.stored.ragged_file import RaggedFile, RaggedWriter, blocks
from ostinato.data.stored.stored_records import RecordsOnDisk, StoredRecords, write_records

LETTERS, LABELS, NAMES = "letters", "labels.npy", "labels.json"
BLOCK = 1 << 20  # bases that are read or written at a time
MOST_SAMPLED = 20_000_000  # bases that a model in memory is fitted to
SAMPLED_PART = 100_000  # of a long sequence


class SequenceWriter:
    """Appends sequences with the labels of their bases to new files in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.letters = RaggedWriter(folder, LETTERS)
        self.labels = ArrayWriter(folder / LABELS)
        self.numbers: dict[str, int] = {}  # of each label, from 1 on

    def append(self, pieces: Iterable[str], segments: Iterable[Segment]) -> None:
        """Appends a sequence.

        Args:
            pieces: Its letters.
            segments: Its labelled segments, in order.
        """
        begin = self.letters.end
        self.letters.append_parts(
            np.frombuffer(piece.encode("ascii"), np.uint8) for piece in pieces
        )
        length, done = self.letters.end - begin, 0
        for start, end, label in segments:
            self.fill(0, start - done)
            self.fill(self.numbers.setdefault(label, len(self.numbers) + 1), end - start)
            done = end
        self.fill(0, length - done)

    def fill(self, number: int, bases: int) -> None:
        """Appends the same label for a number of bases."""
        for start, stop in blocks(bases, BLOCK):
            self.labels.append(np.full(stop - start, number))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, *rest: object) -> None:
        self.letters.__exit__(kind, *rest)
        self.labels.__exit__(kind, *rest)
        if kind is None:
            (self.folder / NAMES).write_text(json.dumps(list(self.numbers)))


def write_sequences(
    folder: Path,
    files: Sequence[FilePath],
    *,
    columns: dict[str, str | None],
    one_label: bool,
) -> int:
    """Writes the labelled sequences of files, read as `read_labelled` does, as a stream.

    Those with one label each are written as records, others for `StoredSequences`.

    Returns:
        Their number.
    """
    given = sort_files(files)
    if given.beds:
        return write_segmented(folder, given.fastas, given.beds, one_label=one_label)
    records = stream_labelled(files, columns=columns)
    first = next(records)
    if first.segments is None:
        return write_records(folder, chain([first], records))
    with SequenceWriter(folder) as writer:

        def described() -> Iterator[tuple]:
            for record in chain([first], records):
                writer.append([record.bases], record.segments or ())
                yield record.name, record.where

        return write_records(folder, described())


def write_segmented(
    folder: Path, fastas: Sequence[FilePath], beds: Sequence[FilePath], *, one_label: bool
) -> int:
    """Writes the sequences of FASTA files with the segments of BED files.

    The FASTA files are read twice, first for the lengths: no sequence is in memory as a whole."""
    lengths = {}
    for entry in read_entries(fastas):
        lengths[entry.name] = sum(map(len, entry.pieces))
        require_bases(lengths[entry.name], entry.name, entry.where)
    segments = read_segments(beds, lengths, one_label=one_label)
    with SequenceWriter(folder) as writer:

        def described() -> Iterator[tuple]:
            for entry in read_entries(fastas):
                writer.append(entry.pieces, segments[entry.name])
                yield entry.name, entry.where

        return write_records(folder, described())


def open_sequences(folder: Path) -> StoredSequences | StoredRecords[DnaSequence]:
    """What `write_sequences` has written."""
    if (folder / NAMES).exists():
        return StoredSequences(folder)
    return StoredRecords(folder, restore_whole)


def restore_whole(fields: list) -> DnaSequence:
    """A sequence with one label from its fields, which are stored as JSON."""
    return DnaSequence(*fields[:5])


class StoredSequences(RecordsOnDisk[DnaSequence]):
    """Sequences with labels of their bases, or parts of them.

    Args:
        folder: What `write_sequences` has written.
        parts: [N, 5], of each record: the number of its sequence, the first base and the one after
            the last, and the margins at either end. None: all sequences as they are.
        opened: The same files, where they are open already.
    """

    def __init__(
        self,
        folder: Path,
        parts: np.ndarray | None = None,
        opened: StoredSequences | None = None,
    ):
        self.folder = folder
        if opened is None:
            self.letters = RaggedFile(folder, LETTERS)
            self.labels = ArrayFile(folder / LABELS)
            self.names: list[str] = json.loads((folder / NAMES).read_text())
            self.described: StoredRecords[list] = StoredRecords(folder, list)
        else:
            self.letters, self.labels = opened.letters, opened.labels
            self.names, self.described = opened.names, opened.described
        self.parts = list_whole(self.letters) if parts is None else parts

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def lengths(self) -> np.ndarray:
        """The bases of each record, margins included [N]."""
        return self.parts[:, 2] - self.parts[:, 1]

    @property
    def bases(self) -> int:
        """The bases of all records."""
        return int(self.lengths.sum(dtype=np.int64))

    def take(self, places: np.ndarray) -> StoredSequences:
        return self.with_parts(self.parts[places])

    def with_parts(self, parts: np.ndarray) -> StoredSequences:
        """Other parts of the same sequences."""
        return StoredSequences(self.folder, parts, self)

    def read(self, place: int) -> DnaSequence:
        number, start, end, left, right = self.parts[place].tolist()
        name, where = self.described.read(number)
        part = self.cut(place, 0, end - start)
        return part._replace(name=name, where=where, margins=(left, right))

    def cut(self, place: int, start: int, end: int) -> DnaSequence:
        """Bases `start` to `end` - 1 of a record, without its name."""
        number, before = self.parts[place, :2].tolist()
        first = self.letters.find(number)[0] + before
        letters = self.letters.values.read(first + start, first + end)
        segments = self.find_segments(self.labels.read(first + start, first + end))
        return DnaSequence(letters.tobytes().decode("ascii"), segments=segments)

    def find_segments(self, numbers: np.ndarray) -> tuple[Segment, ...]:
        """find_segments([0, 2, 2]) -> (Segment(1, 3, self.names[1]),)"""
        edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        return tuple(
            Segment(start, end, self.names[numbers[start] - 1])
            for start, end in zip(edges[:-1], edges[1:], strict=True)
            if end > start and numbers[start]
        )

    def until(self, ends: np.ndarray) -> StoredSequences:
        """The first bases of each record, as many as `ends` [N] says; those with none are left
        out."""
        parts = self.parts.copy()
        parts[:, 2] = parts[:, 1] + ends
        return self.with_parts(parts[ends > 0])

    def after(self, starts: np.ndarray) -> StoredSequences:
        """The bases of each record from `starts` [N] on."""
        parts = self.parts.copy()
        parts[:, 1] += starts
        return self.with_parts(parts)

    def split(self, size: int, margin: int = 0) -> StoredSequences:
        """The records in parts of `size` bases, with up to `margin` bases of context on either
        side."""
        counts = -(-self.lengths // size)  # parts of each record
        rows = np.repeat(np.arange(len(self)), counts)
        whole = self.parts[rows]
        number_in_record = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        start = whole[:, 1] + number_in_record * size
        end = np.minimum(start + size, whole[:, 2])
        left = np.minimum(margin, start - whole[:, 1])
        right = np.minimum(margin, whole[:, 2] - end)
        columns = (whole[:, 0], start - left, end + right, left, right)
        return self.with_parts(np.stack(columns, 1).astype(self.parts.dtype))

    def count_labels(self) -> tuple[Counter[str], int, int]:
        """The bases of each label, those without one, and the number of segments."""
        counts = np.zeros(len(self.names) + 1, np.int64)
        segments = 0
        for number, start, end, *_ in self.parts.tolist():
            first, before = self.letters.find(number)[0], 0
            for one, other in blocks(end - start, BLOCK):
                block = self.labels.read(first + start + one, first + start + other)
                counts += np.bincount(block, minlength=len(counts))
                changes = np.diff(block, prepend=before) != 0
                segments += int((changes & (block != 0)).sum())
                before = int(block[-1])
        named = Counter({name: int(n) for name, n in zip(self.names, counts[1:], strict=True) if n})
        return named, int(counts[0]), segments

    def sample(self, number: int) -> tuple[list[DnaSequence], str | None]:
        """All sequences if they have no more than MOST_SAMPLED bases, or else parts of them."""
        if self.bases <= MOST_SAMPLED:
            return super().sample(number)
        split = self.split(SAMPLED_PART)
        some = split.spread(max(1, len(split) * MOST_SAMPLED // self.bases))
        return list(some), f"{some.bases:,} of {self.bases:,} bases"


def list_whole(letters: RaggedFile) -> np.ndarray:
    """The parts [N, 5] that are whole sequences."""
    lengths = np.diff(letters.bounds.read(0, len(letters) + 1))
    kind = np.int32 if not len(lengths) or lengths.max() < 1 << 31 else np.int64
    parts = np.zeros((len(lengths), 5), kind)
    parts[:, 0], parts[:, 2] = np.arange(len(lengths)), lengths
    return parts
