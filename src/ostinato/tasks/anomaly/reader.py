"""Series with or without labels, from tables and from NAB's files of windows."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ostinato.data.files.lines import read_lines
from ostinato.data.files.wording import display_path
from ostinato.data.series.series_columns import SeriesColumns
from ostinato.data.series.series_object import read_object
from ostinato.data.series.series_table import stream_series
from ostinato.data.series.stored_series import StoredSeries, write_series
from ostinato.data.series.time_format import find_format
from ostinato.data.series.time_parser import parse_times
from ostinato.data.series.time_series import TimeSeries, parse_values
from ostinato.data.stored.indexed_records import IndexedFiles, index_files
from ostinato.data.stored.stored_records import RecordsOnDisk
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.reader import Reader

WARM_UP = 10  # steps before the first one with a target
SHORTEST = 20  # steps that a training series needs
DEV_SHARE = 0.2
MOST_SAMPLED = 5_000_000  # steps of series on disk that the baseline is fitted to


class LabelledSeries(NamedTuple):
    """A series, or its steps from `start` to `stop`; their features also see the steps before.

    Attributes:
        values: The values [T] of the whole series.
        series: The series, with its time stamps and labels.
        start, stop: The steps of the example; to the end if stop is None.
    """

    values: np.ndarray
    series: TimeSeries
    start: int = 0
    stop: int | None = None

    @property
    def labels(self) -> np.ndarray:
        """Whether each step is in a window of true anomalies [T]; all False without labels."""
        if self.series.labels is None:
            return np.zeros(len(self.values), dtype=bool)
        return self.series.labels


def as_labelled(series: TimeSeries) -> LabelledSeries:
    """Makes a record of a whole series."""
    return LabelledSeries(series.values, series)


class AnomalyReader(Reader):
    options: AnomalyOptions
    reads_tables = True
    decodes: ClassVar[Mapping[str, str]] = {"text/csv": ".csv"}

    def read_tables(self, files: Sequence[str]) -> list[TimeSeries]:
        """Reads the series of the files, with their labels."""
        return list(self.stream(files))

    def stream(self, files: Sequence[str]) -> Iterator[TimeSeries]:
        """As `read_tables`, one file after another."""
        options = self.options
        columns = SeriesColumns(
            options.id_column,
            options.time_column,
            options.target_column,
            labelled=True,
            regular=False,
            named_by_file=True,
        )
        found = stream_series(files, columns)
        return found if options.labels is None else join_windows(found, options.labels)

    def read(self, files: Sequence[str], *, training: bool = False) -> Sequence[LabelledSeries]:
        if training and self.options.cache is not None:
            return StoredLabelled(self.index(files, self.options.cache))
        if training:
            return list(map(as_labelled, self.select(files)))
        series = self.read_tables(files)
        if all(np.isnan(each.values[WARM_UP:]).all() for each in series):
            raise InputError(
                f"{series[0].where}: no series has a value after the {WARM_UP} steps that come "
                "before the first score; give longer ones"
            )
        return [as_labelled(each) for each in series]

    def select(self, files: Sequence[str]) -> Iterator[TimeSeries]:
        """The series of files that are long enough for training; a notice names the others."""
        kept, short = 0, []
        for series in self.stream(files):
            if (~np.isnan(series.values)).sum() < SHORTEST:
                short.append((series.name, series.where))
                continue
            kept += 1
            yield series
        if not kept:
            raise InputError(f"{short[0][1]}: no series has {SHORTEST} values; give longer ones")
        if short:
            name, where = short[0]
            notify(
                f"left out, with fewer than {SHORTEST} values: series {name!r} "
                f"({where})" + f" and {len(short) - 1:,} others" * (len(short) > 1)
            )

    def index(self, files: Sequence[str], cache: str) -> StoredSeries:
        """The training series of files, kept in a cache folder."""
        options = self.options
        names = ("id_column", "time_column", "target_column", "labels")
        given = [*files, *([] if options.labels is None else [options.labels])]
        return index_files(
            IndexedFiles(
                cache, self.task_name, given, {name: getattr(options, name) for name in names}
            ),
            lambda folder: write_series(folder, self.select(files)),
            StoredSeries,
        )

    def read_inputs(self, files: Sequence[str]) -> Iterator[LabelledSeries]:
        yield from map(as_labelled, self.read_tables(files))

    def as_record(self, value: Any) -> LabelledSeries:
        """A list or an array of values; columns, {"ds": [...], "y": [...]}; a TimeSeries; or a
        LabelledSeries."""
        if isinstance(value, LabelledSeries):
            return value
        if isinstance(value, Mapping):
            value = read_object(value, self.read_tables)
        if isinstance(value, TimeSeries):
            return as_labelled(value)
        return as_labelled(TimeSeries("series", parse_values(value)))

    def key(self, record: LabelledSeries) -> Hashable:
        return record.series.name, record.values.tobytes()

    def hold_out(self, records: Any, *, number: int, seed: int) -> tuple[Any, list]:
        """Holds out the end of each series."""
        cuts = np.array([training_steps(len(record.values)) for record in records])
        held = [
            as_labelled(rest_of(record.series, cut))
            for record, cut in zip(records, cuts.tolist(), strict=True)
            if cut < len(record.values)
        ]
        if not held:
            raise InputError(
                "no series is long enough to hold out its end; give one of "
                f"{SHORTEST + 2 * WARM_UP} values, or {option_name('dev')}"
            )
        if isinstance(records, StoredLabelled):
            return StoredLabelled(records.series.until(cuts)), held
        trained = [
            as_labelled(record.series.until(cut)) if cut < len(record.values) else record
            for record, cut in zip(records, cuts.tolist(), strict=True)
        ]
        return trained, held


def training_steps(length: int) -> int:
    """The steps of a series that are left for training if its end is held out; all of a short
    one."""
    cut = min(int(length * (1 - DEV_SHARE)), length - 2 * WARM_UP)
    return length if cut < SHORTEST else cut


def rest_of(series: TimeSeries, start: int) -> TimeSeries:
    """A series from step `start` on, in memory."""

    def rest(array: Any) -> np.ndarray | None:
        return None if array is None else np.asarray(array[start:])

    return replace(
        series,
        values=np.asarray(series.values[start:]),
        labels=rest(series.labels),
        times=rest(series.times),
        cached={},
    )


class StoredLabelled(RecordsOnDisk[LabelledSeries]):
    """Series on disk as records."""

    def __init__(self, series: StoredSeries):
        self.series, self.folder = series, series.folder

    def __len__(self) -> int:
        return len(self.series)

    @property
    def chosen(self) -> str:
        return self.series.chosen

    def take(self, places: np.ndarray) -> StoredLabelled:
        return StoredLabelled(self.series.take(places))

    def read(self, place: int) -> LabelledSeries:
        return as_labelled(self.series.read(place))

    def sample(self, number: int) -> tuple[list[LabelledSeries], str | None]:
        """Evenly spaced series of MOST_SAMPLED steps or so in all, in memory."""
        lengths = self.series.lengths
        total = int(lengths.sum())
        most = min(number, len(self))
        if total > MOST_SAMPLED:
            most = max(1, min(most, len(self) * MOST_SAMPLED // total))
        places = np.arange(most) * len(self) // most
        some = self.series.take(places).until(np.minimum(lengths[places], MOST_SAMPLED))
        part = None
        if some.lengths.sum() < total:
            part = f"{some.lengths.sum():,} of {total:,} steps"
        return [as_labelled(rest_of(each, 0)) for each in some], part


def join_windows(series: Iterable[TimeSeries], file: str) -> Iterator[TimeSeries]:
    """Adds the labels of a file of windows to series: {"folder/name.csv": [[first, last], ...]}.

    The windows of a series are those of the file name that, without folder and extension, equals
    the name of the series.

    Raises:
        InputError: The file has another format, or a window is outside its series.
    """
    where, windows = display_path(file), read_windows(file)
    names: list[str] = []
    found = False
    for each in series:
        names += [each.name] if len(names) < 3 else []
        found = found or each.name in windows
        yield label_series(each, windows.get(each.name, []), where)
    if not found:
        raise InputError(
            f"{where}: has windows of {', '.join(list(windows)[:3])}, ..., but of none of the "
            f"series ({', '.join(names)})"
        )


def read_windows(file: str) -> dict[str, list[tuple[str, str]]]:
    """The windows of each series of a file."""
    where = display_path(file)
    try:
        content = json.loads("\n".join(read_lines(file)))
        return {
            Path(name.removesuffix(".gz")).stem: [(str(first), str(last)) for first, last in pairs]
            for name, pairs in content.items()
        }
    except (json.JSONDecodeError, RecursionError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f'{where}: not a file of windows, such as {{"cpu.csv": [["2014-04-10 07:00", '
            '"2014-04-11 16:00"]]}'
        ) from None


def label_series(series: TimeSeries, windows: Sequence[tuple[str, str]], where: str) -> TimeSeries:
    """Labels the steps of a series that are in one of the windows [first, last]."""
    times = series.times if series.times is not None else series.axis.times(0, len(series))
    labels = np.zeros(len(series), dtype=bool)
    for pair in windows:
        form = find_format(pair[0])
        if form is None:
            raise InputError(f"{where}: {pair[0]!r} is not a time stamp")
        (first, last), _ = parse_times(pair, form, lambda row: where)
        inside = (times >= first) & (times <= last)
        if not inside.any():
            raise InputError(f"{where}: the window from {pair[0]} is not in series {series.name!r}")
        labels |= inside
    return replace(series, labels=labels)
