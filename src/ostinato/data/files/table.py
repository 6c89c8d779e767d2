"""Rows of TSV, CSV, JSONL and Parquet files, gzipped or not, each with its line number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from ostinato.data.files.csv import csv_rows, guess_delimiter, tsv_rows
from ostinato.data.files.json_lines import json_rows
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath, open_binary
from ostinato.data.files.wording import display_path, first_line, quote
from ostinato.errors import InputError, nearest, option_name

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
    "word": ("tokens", "words", "token", "form", "text"),
    "tag": (
        *("ner_tags", "ner_tag", "ner", "tags", "labels", "label"),
        *("upos", "pos_tags", "chunk_tags", "pos"),
    ),
    "sentence": (
        *("sentence #", "sentence_id", "sentence id", "sent_id"),
        *("sentence_idx", "sentence_number"),
    ),
}
# columns whose name is given by another one's option: utterance by source_column
OPTIONS = {"utterance": "source", "reply": "target"}
KINDS = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
}
MOST_LISTED = 20  # columns that a message lists


class Row(NamedTuple):
    """One row of a table.

    Attributes:
        file: the table.
        line: the line on which the row begins.
        values: by column, those asked for by their own names.
    """

    file: FilePath
    line: int
    values: dict[str, Any]

    def text(self, column: str) -> str:
        """A value as text: numbers as they print, null as ""; InputError for a list or object."""
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
    columns needs no header. Further columns keep their own names.

    Args:
        file: the table; "-" is standard input.
        columns: the columns that there must be.
        optional: columns that are found in the same way, if there are any.
        names: what the table calls them, where that is not the usual name.
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
    rows = tsv_rows(lines) if kind == "tsv" else csv_rows(lines, file, guess_delimiter(first))
    return wanted.rows_of_fields(rows, keep_blank, header_optional=kind == "tsv")


class Columns:
    """Which of a table's columns are the asked-for ones; arguments as of `read_table`."""

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

    def rows_of_fields(
        self, rows: Iterator[tuple[int, list[str]]], keep_blank: bool, header_optional: bool
    ) -> Iterator[Row]:
        """Rows of fields, under the header that is their first row that is not blank."""
        blank, first = [], None
        for line, fields in rows:
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
            header = self.rename_header(first[1], first[0])
        for line, fields in rows:
            if not any(fields):
                if keep_blank:
                    yield Row(self.path, line, dict.fromkeys(header, ""))
                continue
            if len(fields) != len(header):
                raise InputError(self.wrong_field_count(fields, header, line))
            yield Row(self.path, line, dict(zip(header, fields, strict=True)))

    def wrong_field_count(self, fields: list[str], header: list[str], line: int) -> str:
        """The message for a row that has not as many fields as the header."""
        what = f"{len(fields)} {'field' if len(fields) == 1 else 'fields'}, expected {len(header)}"
        remedy = (
            "complete the row or remove it"
            if len(fields) < len(header)
            else "a separator inside a field must go, or be quoted in a CSV"
        )
        names = ", ".join(name[:40] for name in header[:MOST_LISTED])
        return f"{self.file}:{line}: {what} ({names}); {remedy}"

    def is_data(self, fields: list[str]) -> bool:
        """Whether the first row of a table of two columns is no header: it has no known name."""
        known = {name.lower() for column in self.all for name in (column, *ALIASES.get(column, ()))}
        return (
            not self.named
            and len(fields) == len(self.all) == 2
            and not any(field.strip().lower() in known for field in fields)
        )

    def rename_header(self, header: list[str], line: int) -> list[str]:
        """The header with the asked-for columns under their own names."""
        header = [name.strip() for name in header]
        seen: set[str] = set()
        for name in filter(None, header):
            if name in seen:
                raise InputError(
                    f"{self.file}:{line}: the column {quote(name)} appears twice in the header"
                )
            seen.add(name)
        names = {column: self.find(column, header) for column in self.all}
        for column in self.columns:
            if names[column] is None:
                raise InputError(self.no_such_column(column, header, line))
        found = {name: column for column, name in names.items() if name is not None}
        # A column that has an asked-for name, but was passed over for the one named by option, must
        # not shadow it.
        return [
            found.get(name, f"{name} (unused)" if name in found.values() else name)
            for name in header
        ]

    def find(self, column: str, header: Sequence[str]) -> str | None:
        """The name of a column in the header, or None if it is not there."""
        if column in self.named:
            return self.named[column] if self.named[column] in header else None
        lowered = {name.lower(): name for name in reversed(header)}
        for name in (column, *ALIASES.get(column, ())):
            if name in header or name in lowered:
                return name if name in header else lowered[name]
        return None

    def no_such_column(self, column: str, header: Sequence[str], line: int) -> str:
        """The message for a column that the header does not have."""
        if column in self.named:
            name = self.named[column]
            return f"{self.file}:{line}: no column {name!r}{nearest(name, header)}"
        names = " or ".join(map(repr, (column, *ALIASES.get(column, ()))))
        among = ", ".join(quote(name, 40) for name in header[:MOST_LISTED]) or "none"
        option = option_name(f"{OPTIONS.get(column, column)}_column")
        return f"{self.file}:{line}: no column {names} among {among}; name it with {option}"

    def rows_of_objects(
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
                for column in self.columns if headers else ():
                    if self.find(column, keys) is None:
                        raise InputError(
                            f"{self.file}:{line}: no {column!r}, which earlier rows have; "
                            "complete the row or remove it"
                        )
                headers[keys] = self.rename_header(list(keys), line)
            yield Row(self.path, line, dict(zip(headers[keys], values.values(), strict=True)))


def parquet_objects(file: FilePath) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet table, gzipped or not, as objects.

    Raises:
        InputError: no such file, not Parquet, damaged, text that is not UTF-8; without pyarrow.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise InputError(f"{file}: Parquet needs pyarrow; pip install ostinato[tables]") from None
    with open_binary(file) as stream:
        try:
            batches = parquet.ParquetFile(stream).iter_batches()
        except Exception as error:  # damaged files raise more than pyarrow documents
            raise InputError(unreadable_parquet(file, error)) from error
        while True:
            try:
                batch = next(batches, None)
                rows = [] if batch is None else batch.to_pylist()
            except Exception as error:
                raise InputError(unreadable_parquet(file, error)) from error
            if batch is None:
                return
            yield from rows


def unreadable_parquet(file: FilePath, error: Exception) -> str:
    """The message for a file that pyarrow cannot read."""
    what = (
        "a text in it is not UTF-8" if isinstance(error, UnicodeDecodeError) else first_line(error)
    )
    return f"{display_path(file)}: not a readable Parquet table: {what}"
