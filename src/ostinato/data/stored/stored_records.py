"""Records on disk as a sequence: read when asked for, so that memory does not grow with them."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, overload

import numpy as np

from ostinato.data.stored.ragged_file import BLOCK, RaggedFile, RaggedWriter, blocks

NAME = "records"
SPREAD = 4  # rows that are near each other are read together, with at most so many times as many

Record = TypeVar("Record")
Result = TypeVar("Result")


def write_records(folder: Path, records: Iterable[tuple]) -> int:
    """Writes records, tuples of what JSON can hold, and gives their number."""
    with RaggedWriter(folder, NAME) as writer:
        for record in records:
            content = json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")
            writer.append(np.frombuffer(content, np.uint8))
    return writer.count


class RecordsOnDisk(Sequence[Record], Generic[Record], ABC):
    """Records that are read from the disk whenever they are asked for.

    Attributes:
        folder: Of the files.
    """

    folder: Path

    @property
    def chosen(self) -> Any:
        """Which of the folder's records these are, as JSON can hold it."""
        return "all"

    @abstractmethod
    def take(self, places: np.ndarray) -> Self:
        """The records at these places, in this order."""

    @abstractmethod
    def read(self, place: int) -> Record:
        """The record at a place from 0 on."""

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Record | Self:
        if isinstance(index, slice):
            return self.take(np.arange(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        return self.read(index % len(self))

    def spread(self, number: int) -> Self:
        """`number` records, evenly spaced; all if there are no more."""
        return self.take(np.arange(min(number, len(self))) * len(self) // min(number, len(self)))

    def sample(self, number: int) -> tuple[list[Record], str | None]:
        """At most `number` records, evenly spaced, in memory, and if these are not all: of what
        they are."""
        if len(self) <= number:
            return list(self), None
        return list(self.spread(number)), f"{number:,} of {len(self):,} training examples"


class StoredRecords(RecordsOnDisk[Record]):
    """What `write_records` has written.

    records = StoredRecords(folder, Pair._make)
    records[17], records[-100:], records[::1000]     # a record; the others are such sequences, too

    Args:
        folder: of the files.
        make: the list of a record's fields -> the record.
        rows: which of the records, in which order; None: all.
        file: the folder's, where it is open already.
    """

    def __init__(
        self,
        folder: Path,
        make: Callable[[list], Record],
        rows: np.ndarray | None = None,
        file: RaggedFile | None = None,
    ):
        self.folder, self.make, self.rows = folder, make, rows
        self.file = RaggedFile(folder, NAME) if file is None else file

    def __len__(self) -> int:
        return len(self.file) if self.rows is None else len(self.rows)

    @property
    def chosen(self) -> str:
        return "all" if self.rows is None else hashlib.sha256(self.rows.tobytes()).hexdigest()

    def read(self, place: int) -> Record:
        return self.parse(self.file.read(place if self.rows is None else int(self.rows[place])))

    def __iter__(self) -> Iterator[Record]:
        for start, stop in blocks(len(self)):
            if self.rows is None:
                yield from map(self.parse, self.file.read_rows(start, stop))
                continue
            rows = self.rows[start:stop]
            first, last = int(rows.min()), int(rows.max())
            if last - first < SPREAD * BLOCK:
                near = self.file.read_rows(first, last + 1)
                yield from (self.parse(near[row - first]) for row in rows.tolist())
            else:
                yield from (self.parse(self.file.read(row)) for row in rows.tolist())

    def parse(self, content: np.ndarray) -> Record:
        """The record of its bytes."""
        return self.make(json.loads(content.tobytes().decode("utf-8", "surrogatepass")))

    def take(self, places: np.ndarray) -> StoredRecords[Record]:
        chosen = places if self.rows is None else self.rows[places]
        kind = np.uint32 if len(self.file) < 1 << 32 else np.int64
        return StoredRecords(self.folder, self.make, chosen.astype(kind), self.file)


class MappedRecords(Sequence[Result], Generic[Result]):
    """What a function gives of each record, called whenever it is asked for."""

    def __init__(self, function: Callable[[Any], Result], records: Sequence[Any]):
        self.function, self.records = function, records

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Result: ...

    @overload
    def __getitem__(self, index: slice) -> MappedRecords[Result]: ...

    def __getitem__(self, index: int | slice) -> Result | MappedRecords[Result]:
        if isinstance(index, slice):
            return MappedRecords(self.function, self.records[index])
        return self.function(self.records[index])

    def __iter__(self) -> Iterator[Result]:
        return map(self.function, self.records)


def map_records(
    function: Callable[[Any], Result], records: Sequence[Any]
) -> list[Result] | MappedRecords[Result]:
    """What a function gives of each record: a list, or of stored records a sequence that computes
    it whenever it is asked for."""
    if isinstance(records, (RecordsOnDisk, MappedRecords)):
        return MappedRecords(function, records)
    return [function(record) for record in records]


def select_records(keep: Callable[[Any], bool], records: Sequence[Record]) -> Sequence[Record]:
    """The records that `keep` says are kept: a list, or of stored records such a sequence."""
    if not isinstance(records, RecordsOnDisk):
        return [record for record in records if keep(record)]
    kept = np.fromiter((keep(record) for record in records), bool, len(records))
    return records if kept.all() else records.take(np.flatnonzero(kept))
