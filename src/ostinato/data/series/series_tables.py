"""Series tables: labelled series in CSV and TSV, long or a file each.

long      columns series (id), time, values and label: a row a step of a series
folder    a file a series, a row a step: in one folder a class, or beside a table of labels
          (labels.csv with columns file and label)

A header is optional in a file of one series; its column of times is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from ostinato.data.files.columns import Row
from ostinato.data.files.csv import csv_rows, guess_delimiter, tsv_rows
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import read_table
from ostinato.data.files.wording import display_path, quote
from ostinato.data.series.labelled_series import LabelledSeries
from ostinato.data.series.rows_of_numbers import is_value
from ostinato.errors import InputError

ENDINGS = (".csv", ".tsv", ".tab")
SERIES = ("series", "series_id", "unique_id", "id", "sample", "sample_id", "instance", "case")
TIME = ("time", "ds", "t", "step", "timestamp", "date", "datetime", "frame")
LABEL = ("label", "class", "tag", "target")
FILE = ("file", "filename", "file_name", "path", *SERIES)
LABEL_TABLES = ("labels", "label", "classes", "target")  # names without ending
TEXT = ("text", "sentence", "source", "target text")  # a table with one of these holds texts


def has_table_ending(file: FilePath) -> bool:
    """has_table_ending("a.csv.gz") -> True"""
    return Path(str(file).removesuffix(".gz")).suffix.lower() in ENDINGS


def read_rows(file: FilePath) -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of each row that is not blank."""
    lines = iterate_lines(file)
    first = next(lines, None)
    if first is None:
        return

    def again() -> Iterator[str]:
        yield first
        yield from lines

    delimiter = guess_delimiter(first)
    rows = tsv_rows(again()) if delimiter == "\t" else csv_rows(again(), file, delimiter)
    for line, fields in rows:
        fields = [field.strip() for field in fields]
        if any(fields):
            yield line, fields


def find_column(header: Sequence[str], names: Sequence[str]) -> int | None:
    """The place of the first of these names in a header; None if there is none."""
    lowered = [name.lower() for name in header]
    return next((lowered.index(name) for name in names if name in lowered), None)


def is_long_table(file: FilePath, *, labelled: bool = True) -> bool:
    """Whether a file has columns of a series' name, of numbers and, if `labelled`, of a label."""
    if not has_table_ending(file) or not Path(file).is_file():
        return False
    rows = list(islice(read_rows(file), 2))
    if len(rows) < 2 or len(rows[0][1]) != len(rows[1][1]):
        return False
    (_, header), (_, first) = rows
    series, label = find_column(header, SERIES), find_column(header, LABEL)
    if series is None or (labelled and label is None) or find_column(header, TEXT) is not None:
        return False
    left = value_columns(header)
    return bool(left) and all(is_value(first[place]) for place in left)


def value_columns(header: Sequence[str]) -> list[int]:
    """The places of the columns that are neither name, time nor label of a series."""
    other = {find_column(header, names) for names in (SERIES, TIME, LABEL)}
    return [place for place in range(len(header)) if place not in other]


def read_long_table(file: FilePath) -> Iterator[LabelledSeries]:
    """The series of a long table in the order of their first rows, each in the order of time.

    Raises:
        InputError: with the line: a value that is not a number, two labels of one series.
    """
    where = display_path(file)
    rows = read_rows(file)
    _, header = next(rows, (1, []))
    series, time, label = (find_column(header, names) for names in (SERIES, TIME, LABEL))
    if series is None:
        raise InputError(f"{where}:1: no column with the name of the series; call it id")
    places = value_columns(header)
    steps: dict[str, list[tuple[str, list[float]]]] = {}
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, fields in rows:
        if len(fields) != len(header):
            raise InputError(
                f"{where}:{line}: {len(fields)} fields, expected {len(header)}; complete the row "
                "or remove it"
            )
        name = fields[series]
        given = "" if label is None else fields[label]
        if labels.setdefault(name, given) != given:
            raise InputError(
                f"{where}:{line}: series {quote(name)} has the labels {labels[name]!r} and "
                f"{given!r}; a series has one label, in each of its rows"
            )
        lines.setdefault(name, line)
        values = [parse_value(fields[place], header[place], f"{where}:{line}") for place in places]
        steps.setdefault(name, []).append(("" if time is None else fields[time], values))
    for name, found in steps.items():
        ordered = sort_by_time(found)
        yield LabelledSeries(
            np.array(ordered, dtype=np.float32), labels[name], f"{where}:{lines[name]}"
        )


def sort_by_time(steps: list[tuple[str, list[float]]]) -> list[list[float]]:
    """The values of the steps by their times: numbers, or dates as ISO 8601 writes them."""
    times = [time for time, _ in steps]
    if all(time and is_value(time) for time in times):
        keys: list[float] | list[str] = [float(time) for time in times]
    else:
        keys = times if len({len(time) for time in times}) == 1 else [""] * len(times)
    order = sorted(range(len(steps)), key=keys.__getitem__)
    return [steps[place][1] for place in order]


def parse_value(text: str, column: str, where: str) -> float:
    """A finite number; InputError for anything else."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value) or abs(value) > np.finfo(np.float32).max:
        raise InputError(
            f"{where}: {quote(text)} in column {quote(column)} is not a finite number; fill it in"
        )
    return value


def is_series_table(file: FilePath) -> bool:
    """Whether a file holds one series: rows of numbers below an optional header."""
    if not has_table_ending(file) or not Path(file).is_file():
        return False
    rows = [fields for _, fields in islice(read_rows(file), 3)]
    if len(rows) < 2 or find_column(rows[0], TEXT) is not None:
        return False
    time = find_column(rows[0], TIME)
    return all(
        all(is_value(field) for place, field in enumerate(fields) if place != time)
        and len(fields) > (time is not None)
        for fields in rows[1:]
    )


def read_series_table(file: FilePath, label: str = "") -> LabelledSeries:
    """The series of a file: a row a step, a column a dimension; a column of times is left out.

    Raises:
        InputError: with the line: a value that is not a number, a row of another length.
    """
    where = display_path(file)
    rows = list(read_rows(file))
    header = [f"column {place}" for place in range(1, len(rows[0][1]) + 1)] if rows else []
    time = None
    if rows and not all(is_value(field) for field in rows[0][1]):
        header = rows.pop(0)[1]
        time = find_column(header, TIME)
    places = [place for place in range(len(header)) if place != time]
    values = []
    for line, fields in rows:
        if len(fields) != len(header):
            raise InputError(
                f"{where}:{line}: {len(fields)} fields, expected {len(header)}; complete the row "
                "or remove it"
            )
        values.append(
            [parse_value(fields[place], header[place], f"{where}:{line}") for place in places]
        )
    if not values:
        raise InputError(f"{where}: no steps: it has no row of numbers")
    return LabelledSeries(np.array(values, dtype=np.float32), label, where)


def series_files(folder: Path) -> list[Path]:
    """The files of one series each in a folder, sorted; without the table of their labels."""
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and has_table_ending(path)
        and path.is_file()
        and not is_label_table(path)
    ]


def is_label_table(path: Path) -> bool:
    """Whether a file is named as a table of labels: is_label_table(Path("labels.csv")) -> True"""
    return has_table_ending(path) and path.name.split(".")[0].lower() in LABEL_TABLES


def is_series_folder(folder: FilePath) -> bool:
    """Whether a folder, or the first of its folders with tables, holds a series a file."""
    path = Path(folder)
    if not path.is_dir():
        return False
    inside = [each for each in sorted(path.iterdir()) if each.is_dir()]
    found = next((files for each in (path, *inside) if (files := series_files(each))), [])
    return bool(found) and is_series_table(found[0])


def read_series_folder(folder: FilePath) -> Iterator[LabelledSeries]:
    """The series of a folder, with their labels: of a folder a class, or of a table beside them.

    Raises:
        InputError: a file without a label, a label without its file, as `read_series_table`.
    """
    path = Path(folder)
    tables = [each for each in sorted(path.iterdir()) if is_label_table(each)]
    if not tables:
        for inside in sorted(each for each in path.iterdir() if each.is_dir()):
            for file in series_files(inside):
                yield read_series_table(file, inside.name)
        for file in series_files(path):
            yield read_series_table(file)
        return
    labels = read_label_table(tables[0])
    files = {name: file for file in series_files(path) for name in (file.name, file.stem)}
    for name, row in labels.items():
        if name not in files:
            raise InputError(
                f"{display_path(tables[0])}:{row.line}: there is no file {quote(name)} in {path}"
            )
    for file in series_files(path):
        found = labels.get(file.name) or labels.get(file.stem)
        if found is None:
            raise InputError(
                f"{display_path(file)}: has no label in {display_path(tables[0])}; add it, or "
                "remove the file"
            )
        yield read_series_table(file, found.text("label").strip())


def read_label_table(table: Path) -> dict[str, Row]:
    """The rows of a table of files and their labels, by file."""
    rows = read_rows(table)
    line, header = next(rows, (1, []))
    file, label = find_column(header, FILE), find_column(header, LABEL)
    if file is None or label is None:
        if len(header) != 2:
            raise InputError(
                f"{display_path(table)}:{line}: expected the columns file and label, got "
                f"{', '.join(quote(name, 30) for name in header) or 'none'}"
            )
        names = {"file": "1", "label": "2"}
    else:
        names = {"file": header[file], "label": header[label]}
    found = read_table(table, ("file", "label"), names=names)
    return {Path(row.text("file").strip()).name: row for row in found}
