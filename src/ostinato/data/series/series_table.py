"""Series from tables: long (`unique_id`, `ds`, `y`, covariates) or wide (a date column, a
series a column).

CSV, TSV and Parquet, gzipped or not. Numbers are converted block by block, so that a file of a
million rows is never in memory as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path
from ostinato.data.series.alignment import align, report_unsorted, sort_rows
from ostinato.data.series.column_blocks import ColumnBlock, open_table
from ostinato.data.series.frequency import Frequency, find_frequency
from ostinato.data.series.number_table import NumberTable, convert
from ostinato.data.series.series_columns import SeriesColumns
from ostinato.data.series.time_axis import TimeAxis
from ostinato.data.series.time_series import TimeSeries, nothing
from ostinato.errors import InputError, nearest, option_name


def read_series(
    files: Sequence[FilePath], columns: SeriesColumns, *, frequency: Frequency | None = None
) -> list[TimeSeries]:
    """The series of all files, each once, with regular time stamps; gaps are missing values.

    Args:
        files: Long or wide tables. A file without `unique_id` is a series named after the file,
            if there are several files, or after its column.
        columns: Which columns hold what.
        frequency: That of a trained model, for series too short to tell.

    Raises:
        InputError: With file, line, what is wrong and what to do.
    """
    return list(stream_series(files, columns, frequency=frequency))


def stream_series(
    files: Sequence[FilePath], columns: SeriesColumns, *, frequency: Frequency | None = None
) -> Iterator[TimeSeries]:
    """As `read_series`, one file after another."""
    found: dict[str, str] = {}  # where each series is, by its name
    first: list[tuple[Frequency, str]] = []  # the frequency of the first one that has one

    def check(series: TimeSeries) -> TimeSeries:
        if series.name in found:
            raise InputError(
                f"{series.where}: series {series.name!r} is in {found[series.name]}, "
                "too; give each series once"
            )
        found[series.name] = series.where
        if columns.regular and len(series) > 1:
            if not first:
                first.append((series.axis.frequency, f"{series.name!r} ({series.where})"))
            check_frequency(series, *first[0])
        return series

    for file in files:
        # not in a loop, whose variable would keep the arrays of a file while the next one is read
        yield from map(check, read_file(file, columns, several=len(files) > 1, frequency=frequency))
    if not found:
        raise InputError(f"{' '.join(map(display_path, files))}: no series (0 rows)")


def check_frequency(series: TimeSeries, wanted: Frequency, first: str) -> None:
    """InputError for a series of another frequency than the first one's."""
    other = series.axis.frequency
    if other != wanted:
        raise InputError(
            f"{series.where}: mixed frequencies: series {series.name!r} is {other.name}, but "
            f"{first} is {wanted.name}; train one model for each"
        )


def read_file(
    file: FilePath, columns: SeriesColumns, *, several: bool, frequency: Frequency | None
) -> list[TimeSeries]:
    """The series of one file."""
    where = display_path(file)
    header, blocks = open_table(file)
    if not header:
        raise InputError(f"{where}: no series (0 rows)")
    time = columns.find("ds", header, f"{where}:1")
    if time is None:
        among = ", ".join(map(repr, header[:20]))
        raise InputError(
            f"{where}:1: no column 'ds' or 'date' among {among}; name it with "
            f"{option_name('time_column')}"
        )
    target = columns.find("y", header, f"{where}:1")
    name = columns.find("unique_id", header, f"{where}:1")
    if target is None and name is not None:
        among = ", ".join(map(repr, header[:20]))
        raise InputError(
            f"{where}:1: no column 'y' among {among}; name it with {option_name('target_column')}"
        )
    needed = () if columns.static_optional else columns.static
    for covariate in (*columns.past, *columns.future, *needed):
        if covariate not in header:
            raise InputError(f"{where}:1: no column {covariate!r}{nearest(covariate, header)}")
    if target is None:
        return read_wide(file, blocks, header, time, columns, frequency)
    label = columns.find("anomaly", header, where) if columns.labelled else None
    numeric = [target, *columns.past, *columns.future, *([label] if label else [])]
    table = convert(file, blocks, time, name, numeric, columns.static)
    check_labels(table, label, where)
    by_file = several or columns.named_by_file
    default = Path(str(file).removesuffix(".gz")).stem if by_file else target
    roles = replace(columns, target=target)
    return split_series(file, table, roles, label, default if name is None else None, frequency)


def read_wide(
    file: FilePath,
    blocks: Iterable[ColumnBlock],
    header: Sequence[str],
    time: str,
    columns: SeriesColumns,
    frequency: Frequency | None,
) -> list[TimeSeries]:
    """Every column but the time stamps and the covariates is a series."""
    where = display_path(file)
    if columns.static and not columns.static_optional:
        raise InputError(
            f"{where}:1: {option_name('static_covariates')} are for long tables, with unique_id"
        )
    covariates = (*columns.past, *columns.future)
    labels = [columns.find("anomaly", header, where)] if columns.labelled else []
    names = [name for name in header if name and name not in (time, *covariates, *labels)]
    if not names:
        raise InputError(f"{where}:1: no column of values beside {time!r}")
    label = labels[0] if labels else None
    table = convert(
        file, blocks, time, None, [*names, *covariates, *([label] if label else [])], ()
    )
    check_labels(table, label, where)
    order, odd = sort_rows(file, table, np.arange(len(table.times)), "", columns.regular)
    report_unsorted(file, [] if odd is None else [("", odd)], regular=columns.regular)
    axis, places, length = align(file, table, order, "", columns, frequency)
    unknown = ("",) * len(columns.static)
    found = (
        lay_out(table, name, name, order, places, length, axis, columns, label, f"{where}:2")
        for name in names
    )
    return [replace(series, static=unknown) for series in found]


def check_labels(table: NumberTable, label: str | None, where: str) -> None:
    """InputError for the first label of an anomaly that is neither 0, 1 nor missing."""
    if label is None:
        return
    values = table.numbers[label]
    odd = ~np.isnan(values) & (values != 0) & (values != 1)
    if odd.any():
        row = int(odd.argmax())
        raise InputError(
            f"{where}:{table.lines[row]}: {label} is {values[row]:g}; expected 1 for an anomaly, "
            "and 0 or nothing for other steps"
        )


def split_series(
    file: FilePath,
    table: NumberTable,
    columns: SeriesColumns,
    label: str | None,
    default: str | None,
    frequency: Frequency | None,
) -> list[TimeSeries]:
    """The series of a long table."""
    where = display_path(file)
    by_series = np.argsort(table.ids, kind="stable")
    ends = np.searchsorted(table.ids[by_series], np.arange(len(table.names) + 1))
    if frequency is None and columns.regular:
        frequency = common_frequency(table, by_series, ends)
    found: list[TimeSeries] = []
    unsorted: list[tuple[str, int]] = []
    for number, name in enumerate(table.names):
        rows = by_series[ends[number] : ends[number + 1]]
        shown = default if default is not None else name
        order, odd = sort_rows(file, table, rows, shown, columns.regular)
        unsorted += [] if odd is None else [(shown, odd)]
        axis, places, length = align(file, table, order, shown, columns, frequency)
        line = f"{where}:{table.lines[rows[0]]}"
        series = lay_out(
            table, shown, str(columns.target), order, places, length, axis, columns, label, line
        )
        found.append(check_static(table, series, order, columns, where))
    report_unsorted(file, unsorted, regular=columns.regular)
    return found


def common_frequency(
    table: NumberTable, by_series: np.ndarray, ends: np.ndarray
) -> Frequency | None:
    """That of the longest series, for those too short to tell."""
    longest = int(np.diff(ends).argmax())
    times = np.unique(table.times[by_series[ends[longest] : ends[longest + 1]]])
    return find_frequency(times, dated=table.form.dated) if len(times) > 1 else None


def lay_out(
    table: NumberTable,
    name: str,
    target: str,
    rows: np.ndarray,
    places: np.ndarray,
    length: int,
    axis: TimeAxis,
    columns: SeriesColumns,
    label: str | None,
    where: str,
) -> TimeSeries:
    """One series on its regular axis, with NaN in the gaps.

    Rows at the end without a value, but with covariates known in the future, are future rows.
    """

    def spread(column: str) -> np.ndarray:
        if len(rows) == length == len(table.times):
            return (
                table.numbers[column][rows] if (np.diff(rows) < 0).any() else table.numbers[column]
            )
        values = np.full(length, np.nan)
        values[places] = table.numbers[column][rows]
        return values

    def matrix(names: Sequence[str]) -> np.ndarray:
        if not names:
            return nothing()
        return np.stack([spread(column) for column in names], 1).astype(np.float32)

    values, known = spread(target), matrix(columns.future)
    end = length
    if columns.future:
        seen = np.flatnonzero(~np.isnan(values))
        end = int(seen[-1]) + 1 if len(seen) else 0
    times = None if columns.regular else table.times[rows][:end]
    labels = None if label is None else np.nan_to_num(spread(label)[:end]) > 0
    return TimeSeries(
        name, values[:end], axis, matrix(columns.past)[:end], known, (), labels, times, where
    )


def check_static(
    table: NumberTable, series: TimeSeries, rows: np.ndarray, columns: SeriesColumns, where: str
) -> TimeSeries:
    """The series with its static covariates; InputError where one changes."""
    found = []
    for column in columns.static:
        texts = table.texts[column]
        first = texts[rows[0]]
        for row in rows.tolist():
            if texts[row] != first:
                raise InputError(
                    f"{where}:{table.lines[row]}: series {series.name!r}: the static covariate "
                    f"{column!r} changes from {first!r} to {texts[row]!r}"
                )
        found.append(first)
    return replace(series, static=tuple(found))
