"""Series from tables: long (`unique_id`, `ds`, `y`, covariates) or wide (a date column, a
series a column).

CSV, TSV and Parquet, gzipped or not. Numbers are converted block by block, so that a file of a
million rows is never in memory as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ostinato.data.files.csv import csv_rows, guess_delimiter, tsv_rows
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import kind_by_name
from ostinato.data.files.wording import display_path, pluralise
from ostinato.data.series.time_axis import (
    Frequency,
    TimeAxis,
    TimeFormat,
    find_format,
    find_frequency,
    parse_times,
)
from ostinato.data.series.time_series import TimeSeries, nothing
from ostinato.errors import InputError, nearest
from ostinato.notices import notify

BLOCK = 20_000  # rows converted at a time
MOST_GAPPED = 5  # a series of fewer stamps may be a frequency's with gaps
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "?", "-", "<na>"})
ALIASES = {
    "unique_id": ("unique_id", "series_id", "item_id", "series", "id"),
    "ds": ("ds", "date", "timestamp", "datetime", "time", "month", "day", "year", "week"),
    "y": ("y", "value", "target"),
    "anomaly": ("anomaly", "is_anomaly", "label"),
}


@dataclass(frozen=True)
class SeriesColumns:
    """Which columns hold what.

    Args:
        series: The column of `unique_id`; None: by its usual names.
        time: That of `ds`.
        target: That of `y`.
        past: Covariates known up to the present only.
        future: Covariates known in the future.
        static: Covariates that do not change within a series.
        labelled: Whether a column `anomaly` holds labels.
        regular: Whether time stamps must be regular; otherwise rows are steps.
        named_by_file: Whether a series without a name is named after its file, not its column.
    """

    series: str | None = None
    time: str | None = None
    target: str | None = None
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    labelled: bool = False
    regular: bool = True
    named_by_file: bool = False

    def find(self, role: str, header: Sequence[str], where: str) -> str | None:
        """The name of the column with this role, or None."""
        named = {"unique_id": self.series, "ds": self.time, "y": self.target}.get(role)
        if named is not None:
            if named not in header:
                raise InputError(f"{where}: no column {named!r}{nearest(named, header)}")
            return named
        lowered = {name.lower(): name for name in reversed(header)}
        return next((lowered[name] for name in ALIASES[role] if name in lowered), None)


class Block(NamedTuple):
    """Some rows: the line of each, and their fields by column."""

    lines: list[int]
    columns: dict[str, Sequence[str]]


@dataclass
class Table:
    """What was read of one file, converted."""

    ids: np.ndarray  # [N], index into names
    names: list[str]
    times: np.ndarray  # [N]
    form: TimeFormat
    lines: np.ndarray  # [N]
    numbers: dict[str, np.ndarray]  # [N] each
    texts: dict[str, list[str]] = field(default_factory=dict)


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
    found: dict[str, TimeSeries] = {}
    for file in files:
        for series in read_file(file, columns, several=len(files) > 1, frequency=frequency):
            if series.name in found:
                raise InputError(
                    f"{series.where}: series {series.name!r} is in {found[series.name].where}, "
                    "too; give each series once"
                )
            found[series.name] = series
    name = " ".join(map(display_path, files))
    if not found:
        raise InputError(f"{name}: no series (0 rows)")
    kinds = {series.axis.frequency for series in found.values() if len(series) > 1}
    if len(kinds) > 1 and columns.regular:
        one, other = list(kinds)[:2]
        raise InputError(
            f"{name}: mixed frequencies ({one.name} and {other.name}); train one model for each"
        )
    return list(found.values())


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
            f"{where}:1: no column 'ds' or 'date' among {among}; name it with --time-column"
        )
    target = columns.find("y", header, f"{where}:1")
    name = columns.find("unique_id", header, f"{where}:1")
    if target is None and name is not None:
        among = ", ".join(map(repr, header[:20]))
        raise InputError(f"{where}:1: no column 'y' among {among}; name it with --target-column")
    for covariate in (*columns.past, *columns.future, *columns.static):
        if covariate not in header:
            raise InputError(f"{where}:1: no column {covariate!r}{nearest(covariate, header)}")
    if target is None:
        return read_wide(file, blocks, header, time, columns, frequency)
    label = columns.find("anomaly", header, where) if columns.labelled else None
    numeric = [target, *columns.past, *columns.future, *([label] if label else [])]
    table = convert(file, blocks, time, name, numeric, columns.static)
    by_file = several or columns.named_by_file
    default = Path(str(file).removesuffix(".gz")).stem if by_file else target
    roles = replace(columns, target=target)
    return split_series(file, table, roles, label, default if name is None else None, frequency)


def open_table(file: FilePath) -> tuple[list[str], Iterator[Block]]:
    """The header of a table, and its rows in blocks."""
    if kind_by_name(file) == "parquet":
        return open_parquet(file)
    lines = iterate_lines(file)
    first = next(lines, None)
    if first is None or not first.strip():
        return [], iter(())
    delimiter = guess_delimiter(first)
    lines = chain([first], lines)
    rows = tsv_rows(lines) if delimiter == "\t" else csv_rows(lines, file, delimiter)
    header = [column.strip() for column in next(rows)[1]]
    where = display_path(file)
    for place, column in enumerate(header):
        if column in header[:place]:
            raise InputError(f"{where}:1: the column {column!r} is in the header twice")
    return header, read_blocks(rows, header, where)


def read_blocks(
    rows: Iterator[tuple[int, list[str]]], header: list[str], where: str
) -> Iterator[Block]:
    """Rows of fields in blocks of columns; blank rows are left out."""
    while block := list(islice(rows, BLOCK)):
        kept = [row for row in block if any(row[1])]
        for line, fields in kept:
            if len(fields) != len(header):
                raise InputError(
                    f"{where}:{line}: {len(fields)} {pluralise('field', len(fields))}, expected "
                    f"{len(header)} ({', '.join(header[:8])}{', ...' * (len(header) > 8)})"
                )
        if kept:
            transposed = zip(*(fields for _, fields in kept), strict=True)
            yield Block([line for line, _ in kept], dict(zip(header, transposed, strict=True)))


def open_parquet(file: FilePath) -> tuple[list[str], Iterator[Block]]:
    """The same of a Parquet table; a line is a row here, counted from 1."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise InputError(f"{file}: Parquet needs pyarrow; pip install ostinato[tables]") from None
    if not Path(file).is_file():
        next(iterate_lines(file), None)  # says what is wrong with it
    try:
        table = parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            f"{file}: not a readable Parquet table: {str(error).splitlines()[0]}"
        ) from None

    def blocks() -> Iterator[Block]:
        line = 1
        for batch in table.iter_batches(BLOCK):
            found: dict[str, Sequence[str]] = {
                str(name): list(map(as_text, column)) for name, column in batch.to_pydict().items()
            }
            yield Block(list(range(line, line + len(batch))), found)
            line += len(batch)

    return list(table.schema_arrow.names), blocks()


def as_text(value: object) -> str:
    """A value of a Parquet table as a CSV would have it."""
    return "" if value is None else str(value)


def convert(
    file: FilePath,
    blocks: Iterable[Block],
    time: str,
    name: str | None,
    numeric: Sequence[str],
    static: Sequence[str],
) -> Table:
    """The columns of a long or wide table as numbers."""
    where = display_path(file)
    known: dict[str, int] = {}
    ids: list[np.ndarray] = []
    times: list[np.ndarray] = []
    lines: list[np.ndarray] = []
    numbers: dict[str, list[np.ndarray]] = {column: [] for column in numeric}
    texts: dict[str, list[str]] = {column: [] for column in static}
    form = None
    for block in blocks:
        rows = block.lines
        if form is None:
            form = find_format(block.columns[time][0])
            if form is None:
                text = block.columns[time][0][:40]
                raise InputError(
                    f"{where}:{rows[0]}: {text!r} is no time stamp; expected a date such as "
                    "2024-01-31, a time such as 2024-01-31 12:00:00, or a whole number"
                )
        parsed, form_now = parse_times(block.columns[time], form, partial(name_line, where, rows))
        if form_now != form and times:
            raise InputError(f"{where}:{rows[0]}: dates of another form from here on")
        form = form_now
        times.append(parsed)
        lines.append(np.array(rows, dtype=np.int64))
        if name is not None:
            keys = block.columns[name]
            ids.append(np.array([known.setdefault(key, len(known)) for key in keys]))
        for column in numeric:
            numbers[column].append(as_numbers(block.columns[column], column, rows, where))
        for column in static:
            texts[column] += block.columns[column]
    if form is None:
        raise InputError(f"{where}: no series (0 rows)")
    total = sum(map(len, times))
    return Table(
        np.concatenate(ids) if ids else np.zeros(total, dtype=np.int64),
        list(known) or [""],
        np.concatenate(times),
        form,
        np.concatenate(lines),
        {column: join_blocks(parts) for column, parts in numbers.items()},
        texts,
    )


def join_blocks(parts: list[np.ndarray]) -> np.ndarray:
    """The blocks of a column as one array; the list is emptied, to hold no column twice."""
    joined = np.concatenate(parts)
    parts.clear()
    return joined


def as_numbers(texts: Sequence[str], column: str, lines: Sequence[int], where: str) -> np.ndarray:
    """Fields as float64, NaN where missing; InputError for text and for infinite values."""
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        values = np.array(
            [number_of(*pair, column, where) for pair in zip(texts, lines, strict=True)]
        )
    if np.isinf(values).any():
        row = int(np.isinf(values).argmax())
        raise InputError(
            f"{where}:{lines[row]}: {column} is infinite; leave it empty or remove the row"
        )
    return values


def number_of(text: str, line: int, column: str, where: str) -> float:
    """number_of("1.5", ...) -> 1.5; NaN for a missing value."""
    if text.strip().lower() in MISSING or text.strip().lower() in ("true", "false"):
        return {"true": 1.0, "false": 0.0}.get(text.strip().lower(), np.nan)
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"{where}:{line}: {column} is {text[:40]!r}, not a number; correct it, or leave the "
            "field empty where the value is missing"
        ) from None


def read_wide(
    file: FilePath,
    blocks: Iterable[Block],
    header: Sequence[str],
    time: str,
    columns: SeriesColumns,
    frequency: Frequency | None,
) -> list[TimeSeries]:
    """Every column but the time stamps and the covariates is a series."""
    where = display_path(file)
    if columns.static:
        raise InputError(f"{where}:1: --static-covariates are for long tables, with unique_id")
    covariates = (*columns.past, *columns.future)
    labels = [columns.find("anomaly", header, where)] if columns.labelled else []
    names = [name for name in header if name and name not in (time, *covariates, *labels)]
    if not names:
        raise InputError(f"{where}:1: no column of values beside {time!r}")
    label = labels[0] if labels else None
    table = convert(
        file, blocks, time, None, [*names, *covariates, *([label] if label else [])], ()
    )
    order = sort_rows(file, table, np.arange(len(table.times)), "", columns.regular)
    axis, places, length = align(file, table, order, "", columns, frequency)
    return [
        lay_out(table, name, name, order, places, length, axis, columns, label, f"{where}:2")
        for name in names
    ]


def split_series(
    file: FilePath,
    table: Table,
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
    found = []
    for number, name in enumerate(table.names):
        rows = by_series[ends[number] : ends[number + 1]]
        shown = default if default is not None else name
        order = sort_rows(file, table, rows, shown, columns.regular)
        axis, places, length = align(file, table, order, shown, columns, frequency)
        line = f"{where}:{table.lines[rows[0]]}"
        series = lay_out(
            table, shown, str(columns.target), order, places, length, axis, columns, label, line
        )
        found.append(check_static(table, series, order, columns, where))
    return found


def common_frequency(table: Table, by_series: np.ndarray, ends: np.ndarray) -> Frequency | None:
    """That of the longest series, for those too short to tell."""
    longest = int(np.diff(ends).argmax())
    times = np.unique(table.times[by_series[ends[longest] : ends[longest + 1]]])
    return find_frequency(times, dated=table.form.dated) if len(times) > 1 else None


def sort_rows(
    file: FilePath, table: Table, rows: np.ndarray, name: str, regular: bool
) -> np.ndarray:
    """The rows of a series in the order of time; InputError for a time stamp twice."""
    if not regular:
        return rows
    times = table.times[rows]
    steps = np.diff(times)
    if (steps < 0).any():
        line = table.lines[rows[int((steps < 0).argmax()) + 1]]
        notify(f"{display_path(file)}:{line}: {of(name)}rows out of order; sorted by time")
        rows = rows[np.argsort(times, kind="stable")]
        steps = np.diff(table.times[rows])
    if (steps == 0).any():
        row = rows[int((steps == 0).argmax()) + 1]
        raise InputError(
            f"{display_path(file)}:{table.lines[row]}: {of(name)}the time stamp "
            f"{table.form.write(table.times[row])} is there twice; remove one of the two rows"
        )
    return rows


def of(name: str) -> str:
    """of("a") -> "series 'a': "; of("") -> "" """
    return f"series {name!r}: " if name else ""


def align(
    file: FilePath,
    table: Table,
    rows: np.ndarray,
    name: str,
    columns: SeriesColumns,
    frequency: Frequency | None,
) -> tuple[TimeAxis, np.ndarray, int]:
    """The axis of a series, the step of each of its rows, and its number of steps."""
    times = table.times[rows]
    if not columns.regular:
        found = find_frequency(np.unique(times), dated=table.form.dated)
        found = found or Frequency("second" if table.form.dated else "step")
        positions, phases = found.split(times[:1])
        axis = TimeAxis(found, int(positions[0]), int(phases[0]), table.form)
        return axis, np.arange(len(rows)), len(rows)
    own = find_frequency(times, dated=table.form.dated) if len(times) > 2 else frequency
    own = own or find_frequency(times, dated=table.form.dated)
    if own is not None and frequency is not None and own != frequency:
        finer = regular_at(frequency, times) and len(times) < MOST_GAPPED
        own = frequency if finer else own
    if own is None or not regular_at(own, times):
        usual = own or Frequency("second", max(1, int(np.median(np.diff(times)))))
        row = rows[first_irregular(usual, times)]
        raise InputError(
            f"{display_path(file)}:{table.lines[row]}: {of(name)}time stamps are irregular from "
            f"{table.form.write(table.times[row])} on; give equally spaced ones"
        )
    positions, phases = own.split(times)
    places = positions - positions[0]
    axis = TimeAxis(own, int(positions[0]), int(phases[0]), table.form)
    return axis, places, int(places[-1]) + 1


def regular_at(frequency: Frequency, times: np.ndarray) -> bool:
    """Whether all times fit a frequency, gaps allowed."""
    positions, phases = frequency.split(times)
    return bool((phases == phases[0]).all() and (np.diff(positions) > 0).all())


def first_irregular(frequency: Frequency, times: np.ndarray) -> int:
    """The index of the first time that does not fit."""
    positions, phases = frequency.split(times)
    wrong = (phases != phases[0]) | (np.diff(positions, prepend=positions[0] - 1) <= 0)
    return int(wrong.argmax())


def lay_out(
    table: Table,
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
    table: Table, series: TimeSeries, rows: np.ndarray, columns: SeriesColumns, where: str
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


def name_line(where: str, rows: Sequence[int], row: int) -> str:
    """The file and line of a row of a block."""
    return f"{where}:{rows[row]}"
