"""Rows of TSV, CSV, JSONL and Parquet files, gzipped or not, with the line each stands on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from ostinato.data.files.csv import csv_rows, delimiter_of, tsv_rows
from ostinato.data.files.json_lines import json_rows
from ostinato.data.files.lines import FilePath, iterate_lines
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError, nearest

ALIASES = {
    "source": ("src",),
    "target": ("tgt", "trg"),
    "utterance": ("source", "src", "question"),
    "reply": ("target", "tgt", "trg", "answer", "response"),
    "text": ("sentence", "transcription", "transcript"),
    "label": ("tag",),
    "audio": ("audio_filepath", "audio_file", "file_name", "path"),
    "image": ("file_name",),
    "sequence": ("seq",),
    "labels": ("classes",),
    "name": ("id",),
}
FLAGS = {
    "utterance": "source",
    "reply": "target",
}  # a column whose name is given by another one's flag
KINDS = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
}
KINDS |= {".parquet": "parquet"}


class Row(NamedTuple):
    """One row: the file, the line on which it begins, and its values by column, those asked for by their own name."""

    file: FilePath
    line: int
    values: dict[str, Any]

    def text(self, column: str) -> str:
        """A value as text: numbers as they print, nothing as ""; InputError if it is a list or an object."""
        value = self.values[column]
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        raise InputError(
            f"{display_path(self.file)}:{self.line}: {column!r} is {type(value).__name__}, not text"
        )


def is_table(file: FilePath) -> bool:
    """Whether a file's name says that it is a table: is_table("a.tsv.gz") -> True"""
    return kind_by_name(file) is not None


def kind_by_name(file: FilePath) -> str | None:
    path = Path(file)
    return KINDS.get(
        Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    )


def read_table(
    file: FilePath,
    columns: Sequence[str],
    *,
    optional: Sequence[str] = (),
    names: Mapping[str, str | None] | None = None,
    keep_blank: bool = False,
) -> Iterator[Row]:
    """The rows of a table that has `columns`, by these names, their aliases, or what `names` calls them.

    next(read_table("train.tsv", ("source", "target"), names={"source": "english"})).values["source"] -> "Go."

    The kind is that of the file's ending, or else seen from its first line. A TSV of two columns needs no header.
    `optional` columns are found in the same way if they are there; further ones come along under their own names.
    Blank lines are left out, or with `keep_blank` come as empty texts.

    InputError, with the line: no such column, a column twice, a row of more or fewer fields, bad JSON, bad quotes."""
    wanted = Columns(file, columns, optional, names or {})
    kind = kind_by_name(file)
    if kind == "parquet":
        return parquet_rows(file, wanted)
    lines = iterate_lines(file)
    first = next(lines, None)
    if first is None:
        return iter(())
    lines = chain([first], lines)
    if kind is None:
        kind = "json" if first.lstrip().startswith("{") else "tsv" if "\t" in first else "csv"
    if kind == "json":
        return wanted.of_objects(json_rows(lines, file), keep_blank)
    rows = tsv_rows(lines) if kind == "tsv" else csv_rows(lines, file, delimiter_of(first))
    return wanted.of_fields(rows, keep_blank, header_optional=kind == "tsv")


class Columns:
    """Which of a table's columns are the asked-for ones."""

    def __init__(
        self,
        file: FilePath,
        columns: Sequence[str],
        optional: Sequence[str],
        names: Mapping[str, str | None],
    ):
        self.path, self.file = file, display_path(file)
        self.columns, self.all = tuple(columns), (*columns, *optional)
        self.named = {
            column: name
            for column, name in names.items()
            if name is not None and column in self.all
        }

    def of_fields(
        self, rows: Iterator[tuple[int, list[str]]], keep_blank: bool, header_optional: bool
    ) -> Iterator[Row]:
        """Rows of fields, under the header that is their first row."""
        blank, first = [], None
        for line, fields in rows:  # up to the first that is not blank
            if any(map(str.strip, fields)):
                first = (line, fields)
                break
            blank.append((line, [""]))
        if first is None:
            header = list(self.all)
            rows = iter(blank)
        elif header_optional and self.is_data(first[1]):
            header = list(self.all)
            rows = chain(blank, [first], rows)
        else:
            header = self.renamed(first[1], first[0])
        for line, fields in rows:
            if not any(fields):
                if keep_blank:
                    yield Row(self.path, line, dict.fromkeys(header, ""))
                continue
            if len(fields) != len(header):
                what = f"{len(fields)} {'field' if len(fields) == 1 else 'fields'}, expected {len(header)}"
                short = len(fields) < len(header)
                remedy = (
                    "complete the row or remove it"
                    if short
                    else "a separator inside a field must go, or be quoted in a CSV"
                )
                raise InputError(f"{self.file}:{line}: {what} ({', '.join(header)}); {remedy}")
            yield Row(self.path, line, dict(zip(header, fields, strict=True)))

    def is_data(self, fields: list[str]) -> bool:
        """Whether the first row of a table of two columns is no header: none of its fields is a name we know."""
        known = {name.lower() for column in self.all for name in (column, *ALIASES.get(column, ()))}
        return (
            not self.named
            and len(fields) == len(self.all) == 2
            and not any(field.strip().lower() in known for field in fields)
        )

    def renamed(self, header: list[str], line: int) -> list[str]:
        """The header with the asked-for columns under their own names."""
        header = [name.strip() for name in header]
        twice = next(
            (name for place, name in enumerate(header) if name and name in header[:place]), None
        )
        if twice is not None:
            raise InputError(f"{self.file}:{line}: the column {twice!r} stands twice in the header")
        places = {column: self.find(column, header) for column in self.all}
        for column in self.columns:
            if places[column] is None:
                raise InputError(self.missing(column, header, line))
        found = {name: column for column, name in places.items() if name is not None}
        # A column that has an asked-for name, but was passed over for the one named by option, must not shadow it.
        return [
            found.get(name, f"{name} (unused)" if name in found.values() else name)
            for name in header
        ]

    def find(self, column: str, header: Sequence[str]) -> str | None:
        """The name under which a column stands in the header, if it does."""
        if column in self.named:
            return self.named[column] if self.named[column] in header else None
        lowered = {name.lower(): name for name in reversed(header)}
        for name in (column, *ALIASES.get(column, ())):
            if name in header or name in lowered:
                return name if name in header else lowered[name]
        return None

    def missing(self, column: str, header: Sequence[str], line: int) -> str:
        if column in self.named:
            name = self.named[column]
            return f"{self.file}:{line}: no column {name!r}{nearest(name, header)}"
        names = " or ".join(map(repr, (column, *ALIASES.get(column, ()))))
        among = ", ".join(map(repr, header[:20])) or "none"
        return f"{self.file}:{line}: no column {names} among {among}; name it with --{FLAGS.get(column, column)}-column"

    def of_objects(
        self, rows: Iterator[tuple[int, dict | None]], keep_blank: bool
    ) -> Iterator[Row]:
        """Objects, each with its own keys; None for a blank line."""
        headers: dict[tuple[str, ...], list[str]] = {}
        for line, values in rows:
            if values is None:
                if keep_blank:
                    yield Row(self.path, line, dict.fromkeys(self.columns, ""))
                continue
            keys = tuple(values)
            if keys not in headers:
                absent = next(
                    (
                        column
                        for column in self.columns
                        if headers and self.find(column, keys) is None
                    ),
                    None,
                )
                if absent is not None:
                    raise InputError(
                        f"{self.file}:{line}: no {absent!r}, which earlier rows have; complete the row or remove it"
                    )
                headers[keys] = self.renamed(list(keys), line)
            yield Row(self.path, line, dict(zip(headers[keys], values.values(), strict=True)))


def parquet_rows(file: FilePath, wanted: Columns) -> Iterator[Row]:
    """The rows of a Parquet table; a line is a row here, counted from 1."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise InputError(f"{file}: Parquet needs pyarrow; pip install ostinato[tables]") from None
    if not Path(file).is_file():
        next(iterate_lines(file), None)  # says what is wrong with it
    try:
        table = parquet.ParquetFile(file)
        rows = (row for group in table.iter_batches() for row in group.to_pylist())
        yield from wanted.of_objects(enumerate(rows, start=1), keep_blank=True)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            f"{file}: not a readable Parquet table: {str(error).splitlines()[0]}"
        ) from None
