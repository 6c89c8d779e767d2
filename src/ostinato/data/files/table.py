"""Rows of TSV, CSV, JSONL and Parquet files, gzipped or not, each with its line number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from ostinato.data.files.columns import Columns, Row
from ostinato.data.files.csv import csv_rows, guess_delimiter, stated_delimiter, tsv_rows
from ostinato.data.files.json_lines import json_rows, parse_json
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.parquet import parquet_objects
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError
from ostinato.notices import notify

KINDS = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
}


def is_table(file: FilePath) -> bool:
    """Whether a file's name says that it is a table: is_table("a.tsv.gz") -> True"""
    return kind_by_name(file) is not None


def begins_as_table(file: FilePath, column: str, name: str | None = None) -> bool:
    """Whether a file without a table's ending begins as one that has a column, and says so.

    Its first line is an object in JSON with that key, or a header between tabs.

    Args:
        file: "-", standard input, can be read only once, and is no table here.
        column: the column that there must be, by its usual names.
        name: the column's name, where it is another.
    """
    if str(file) == "-" or not Path(file).is_file():
        return False
    first = next((line.strip() for line in iterate_lines(file) if line.strip()), "")
    if first.startswith("{"):
        try:
            found = parse_json(first, "")
        except InputError:
            return False
        fields = list(found) if isinstance(found, dict) else []
    else:
        fields = [field.strip() for field in first.split("\t")]
        fields = fields if len(fields) > 1 else []
    if Columns(file, (column,), (), {column: name}).find(column, fields) is None:
        return False
    notify(f"{display_path(file)}: read as a table, its column {name or column!r}")
    return True


def kind_by_name(file: FilePath) -> str | None:
    """kind_by_name("a.tsv.gz") -> "tsv"; None for other endings."""
    path = Path(file)
    path = Path(path.stem) if path.suffix.lower() == ".gz" else path
    return KINDS.get(path.suffix.lower())


def read_table(
    file: FilePath,
    columns: Sequence[str],
    *,
    optional: Sequence[str] = (),
    names: Mapping[str, str | None] | None = None,
    keep_blank: bool = False,
) -> Iterator[Row]:
    """The rows of a table that has `columns`, by these names, their aliases, or `names`.

    row = next(read_table("train.tsv", ("source", "target"), names={"source": "english"}))
    row.values["source"] -> "Go."

    The kind of table is that of the file's ending, or else seen from its first line. A TSV of two
    columns needs no header; it is said when it is read without one. Nor does a table whose columns
    `names` gives by number, from 1. Further columns keep their own names.

    Args:
        file: the table; "-" is standard input.
        columns: the columns that there must be.
        optional: columns that are found in the same way, if there are any.
        names: what the table calls them, where that is not the usual name; or their numbers.
        keep_blank: whether blank lines give rows of empty texts rather than none.

    Raises:
        InputError: with the line: no such column, a column twice, a row of more or fewer fields,
            bad JSON, bad quotes.
    """
    wanted = Columns(file, columns, optional, names or {})
    kind = kind_by_name(file)
    if kind == "parquet":
        return wanted.rows_of_objects(enumerate(parquet_objects(file), start=1), keep_blank=True)
    lines = iterate_lines(file)
    first = next(lines, None)
    if first is None:
        return iter(())
    lines = chain([first], lines)
    if kind is None:
        kind = "json" if first.lstrip().startswith("{") else "tsv" if "\t" in first else "csv"
    if kind == "json":
        return wanted.rows_of_objects(json_rows(lines, file), keep_blank)
    if kind == "tsv":
        rows = tsv_rows(lines)
    elif (delimiter := stated_delimiter(first)) is not None:
        next(lines)
        rows = csv_rows(lines, file, delimiter, before=1)
    else:
        rows = csv_rows(lines, file, guess_delimiter(first))
    return wanted.rows_of_fields(rows, keep_blank, header_optional=kind == "tsv")
