"""Series on disk, whose values are read when they are computed with."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.data.series.frequency import Frequency
from ostinato.data.series.time_axis import TimeAxis
from ostinato.data.series.time_format import TimeFormat
from ostinato.data.series.time_series import TimeSeries
from ostinato.data.stored.disk_array import DiskArray
from ostinato.data.stored.ragged_file import RaggedFile, RaggedWriter
from ostinato.data.stored.stored_records import RecordsOnDisk, StoredRecords, write_records

VALUES = "values"
OTHERS = ("past", "known", "labels", "times")  # arrays that a series may have
MOST_OPEN = 50_000  # series that are kept as they were read last; their values are on disk


def write_series(folder: Path, series: Iterable[TimeSeries]) -> int:
    """Writes series, and gives their number; those of one folder have the same kinds of arrays."""
    writers: dict[str, RaggedWriter] = {}

    def describe() -> Iterator[tuple]:
        for each in series:
            for name in (VALUES, *OTHERS):
                array = getattr(each, name)
                if array is None or (array.ndim == 2 and not array.shape[1]):
                    continue
                if name not in writers:
                    writers[name] = RaggedWriter(folder, name)
                writers[name].append(array)
            axis = each.axis
            when = (*vars(axis.frequency).values(), axis.first, axis.phase, *axis.form)
            yield each.name, each.where, each.static, [as_plain(part) for part in when]

    failure: type | None = Exception
    try:
        number = write_records(folder, describe())
        failure = None
    finally:
        for writer in writers.values():
            writer.__exit__(failure)
    return number


def as_plain(value: object) -> object:
    """A number of numpy as one of Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


class StoredSeries(RecordsOnDisk[TimeSeries]):
    """What `write_series` has written.

    Args:
        folder: Of the files.
        rows: Which of the series, in which order; None: all.
        lengths: How many of the first steps of each [N]; None: all of them.
        opened: The same files, where they are open already.
    """

    def __init__(
        self,
        folder: Path,
        rows: np.ndarray | None = None,
        lengths: np.ndarray | None = None,
        opened: StoredSeries | None = None,
    ):
        self.folder = folder
        if opened is None:
            names = [name for name in OTHERS if (folder / f"{name}.npy").exists()]
            self.files = {name: RaggedFile(folder, name) for name in (VALUES, *names)}
            self.described: StoredRecords[list] = StoredRecords(folder, list)
        else:
            self.files, self.described = opened.files, opened.described
        self.rows = np.arange(len(self.described)) if rows is None else rows
        self.lengths = (
            self.files[VALUES].lengths()[self.rows].astype(np.int64) if lengths is None else lengths
        )
        self.recent: OrderedDict[int, TimeSeries] = OrderedDict()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def chosen(self) -> str:
        content = self.rows.tobytes() + self.lengths.tobytes()
        return hashlib.sha256(content).hexdigest()

    def take(self, places: np.ndarray) -> StoredSeries:
        return StoredSeries(self.folder, self.rows[places], self.lengths[places], self)

    def until(self, lengths: np.ndarray) -> StoredSeries:
        """The first steps of each series, as many as `lengths` [N] says."""
        return StoredSeries(self.folder, self.rows, lengths, self)

    def read(self, place: int) -> TimeSeries:
        found = self.recent.get(place)
        if found is None:
            found = self.recent[place] = self.open(place)
            if len(self.recent) > MOST_OPEN:
                self.recent.popitem(last=False)
        return found

    def open(self, place: int) -> TimeSeries:
        """A series, with the arrays left on disk."""
        row, length = int(self.rows[place]), int(self.lengths[place])
        name, where, static, (unit, count, month_end, first, phase, *form) = self.described.read(
            row
        )
        axis = TimeAxis(Frequency(unit, count, month_end), first, phase, TimeFormat(*form))
        whole = TimeSeries(
            name,
            self.array(VALUES, row),
            axis,
            static=tuple(static),
            where=where,
            **{other: self.array(other, row) for other in OTHERS if other in self.files},
        )
        return whole if length == len(whole) else whole.until(length)

    def array(self, name: str, row: int) -> Any:
        """One of the arrays of a series, which reads like one of numpy."""
        file = self.files[name]
        return DiskArray(file.values, *file.find(row))


def lengths_of(series: Sequence[TimeSeries]) -> np.ndarray:
    """The steps of each series [N]."""
    if isinstance(series, StoredSeries):
        return series.lengths
    return np.array([len(each) for each in series])
