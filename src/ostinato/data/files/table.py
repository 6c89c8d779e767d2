"""Rows of TSV, CSV, JSONL and Parquet files, gzipped or not, each with its line number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from ostinato.data.files.columns import ALIASES, HEADER_WORDS, Columns, Row
from ostinato.data.files.csv import csv_rows, guess_delimiter, stated_delimiter, tsv_rows
from ostinato.data.files.json_lines import json_rows, parse_json
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.parquet import parquet_objects
from ostinato.data.files.streams import FilePath, peek_text
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


KEY = re.compile(r'"([^"\\]{1,60})"\s*:')  # of an object in JSON
USUAL_NAMES = HEADER_WORDS.union(ALIASES, *ALIASES.values())


def is_table(file: FilePath) -> bool:
    """Whether a file's name says that it is a table: is_table("a.tsv.gz") -> True"""
    return kind_by_name(file) is not None


def begins_as_table(file: FilePath, column: str, name: str | None = None) -> bool:
    """Whether a file without a table's ending, or standard input, begins as a table, and says so.

    Its first line is an object in JSON with a certain key, or a header between tabs that names the
    column, or a header between commas of nothing but usual names.

    Args:
        file: Nothing of it is used up.
        column: the column that there must be, by its usual names.
        name: the column's name, where it is another.
    """
    if str(file) != "-" and not Path(file).is_file():
        return False
    wanted = Columns(file, (column,), (), {column: name})
    if wanted.find(column, list_fields(peek_text(file), name)) is None:
        return False
    notify(f"{display_path(file)}: read as a table, its column {name or column!r}")
    return True


def list_fields(head: str, name: str | None) -> list[str]:
    """The columns that the beginning of a text names; [] if it does not begin as a table.

    list_fields("id,text\\n1,fine", None) -> ["id", "text"]

    Args:
        head: as of `peek_text`.
        name: a name of a column, besides the usual ones.
    """
    lines = [line.strip() for line in head.replace("\r", "\n").split("\n") if line.strip()]
    first = next(iter(lines), "")
    if first.startswith("[") and "".join(lines)[1:].lstrip().startswith("{"):
        return KEY.findall("".join(lines))
    if first.startswith("{"):
        try:
            found = parse_json(first, "")
        except InputError:  # no JSON, or an object of which the head has but a part
            return [] if "\n" in head else KEY.findall(first)
        return list(found)
    if "\t" in first:
        return [field.strip() for field in first.split("\t")]
    fields = [field.strip().strip('"') for field in first.split(guess_delimiter(first))]
    usual = all(field.lower() in USUAL_NAMES or field == name for field in fields)
    return fields if len(fields) > 1 and usual else []


def kind_by_name(file: FilePath) -> str | None:
    """kind_by_name("a.tsv.gz") -> "tsv"; None for other endings."""
    path = Path(file)
    path = Path(path.stem) if path.suffix.lower() == ".gz" else path
    return KINDS.get(path.suffix.lower())


def is_json(line: str) -> bool:
    """Whether a first line begins an object, or an array of objects: is_json("[{") -> True"""
    line = line.strip()
    return line.startswith("{") or (line.startswith("[") and line[1:].lstrip()[:1] in ("", "{"))


def read_table(
    file: FilePath,
    columns: Sequence[str],
    *,
    optional: Sequence[str] = (),
    names: Mapping[str, str | None] | None = None,
    keep_blank: bool = False,
    say: Callable[[str], None] = notify,
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
        say: is told how the header was read, where that is not certain.

    Raises:
        InputError: with the line: no such column, a column twice, a row of more or fewer fields,
            bad JSON, bad quotes.
    """
    wanted = Columns(file, columns, optional, names or {}, say)
    kind = kind_by_name(file)
    if kind == "parquet":
        return wanted.rows_of_objects(enumerate(parquet_objects(file), start=1), keep_blank=True)
    lines = iterate_lines(file)
    first = next(lines, None)
    if first is None:
        return iter(())
    lines = chain([first], lines)
    if kind is None:
        kind = "json" if is_json(first) else "tsv" if "\t" in first else "csv"
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
