"""Series with or without labels, from tables and from NAB's files of windows."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ostinato.data.files.lines import read_lines
from ostinato.data.files.wording import display_path
from ostinato.data.series.series_columns import SeriesColumns
from ostinato.data.series.series_object import read_object
from ostinato.data.series.series_table import read_series
from ostinato.data.series.time_format import find_format
from ostinato.data.series.time_parser import parse_times
from ostinato.data.series.time_series import TimeSeries, parse_values
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.reader import Reader

WARM_UP = 10  # steps before the first one with a target
SHORTEST = 20  # steps that a training series needs
DEV_SHARE = 0.2


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
        options = self.options
        columns = SeriesColumns(
            options.id_column,
            options.time_column,
            options.target_column,
            labelled=True,
            regular=False,
            named_by_file=True,
        )
        found = read_series(files, columns)
        if options.labels is not None:
            found = join_windows(found, options.labels)
        return found

    def read(self, files: Sequence[str], *, training: bool = False) -> list[LabelledSeries]:
        series = self.read_tables(files)
        if training:
            short = [each for each in series if (~np.isnan(each.values)).sum() < SHORTEST]
            if len(short) == len(series):
                raise InputError(
                    f"{short[0].where}: no series has {SHORTEST} values; give longer ones"
                )
            if short:
                notify(
                    f"left out, with fewer than {SHORTEST} values: series {short[0].name!r} "
                    f"({short[0].where})" + f" and {len(short) - 1:,} others" * (len(short) > 1)
                )
            left_out = set(map(id, short))
            series = [each for each in series if id(each) not in left_out]
        elif all(np.isnan(each.values[WARM_UP:]).all() for each in series):
            raise InputError(
                f"{series[0].where}: no series has a value after the {WARM_UP} steps that come "
                "before the first score; give longer ones"
            )
        return [as_labelled(each) for each in series]

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

    def hold_out(self, records: Any, *, number: int, seed: int) -> tuple[list, list]:
        """Holds out the end of each series."""
        trained, held = [], []
        for record in records:
            series, length = record.series, len(record.values)
            cut = min(int(length * (1 - DEV_SHARE)), length - 2 * WARM_UP)
            if cut < SHORTEST:
                trained.append(record)
                continue
            trained.append(as_labelled(series.until(cut)))
            times = series.times
            held.append(
                as_labelled(
                    replace(
                        series,
                        values=series.values[cut:],
                        labels=None if series.labels is None else series.labels[cut:],
                        times=None if times is None else times[cut:],
                        cached={},
                    )
                )
            )
        if not held:
            raise InputError(
                "no series is long enough to hold out its end; give one of "
                f"{SHORTEST + 2 * WARM_UP} values, or {option_name('dev')}"
            )
        return trained, held


def join_windows(series: Sequence[TimeSeries], file: str) -> list[TimeSeries]:
    """Adds the labels of a file of windows to the series: {"folder/name.csv": [[first, last],
    ...]}.

    The windows of a series are those of the file name that, without folder and extension, equals
    the name of the series.

    Raises:
        InputError: The file has another format, or a window is outside its series.
    """
    where = display_path(file)
    try:
        content = json.loads("\n".join(read_lines(file)))
        windows = {
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
    if not any(each.name in windows for each in series):
        raise InputError(
            f"{where}: has windows of {', '.join(list(windows)[:3])}, ..., but of none of the "
            f"series ({', '.join(each.name for each in series[:3])})"
        )
    return [label_series(each, windows.get(each.name, []), where) for each in series]


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
