"""Rows of a CSV, TSV or Parquet table in blocks of columns, so that a file of a million rows is
never in memory as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from ostinato.data.files.csv import csv_rows, guess_delimiter, tsv_rows
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import kind_by_name
from ostinato.data.files.wording import display_path, pluralise
from ostinato.errors import InputError

BLOCK = 20_000  # rows converted at a time


class ColumnBlock(NamedTuple):
    """Some rows: the line of each, and their fields by column."""

    lines: list[int]
    columns: dict[str, Sequence[str]]


def open_table(file: FilePath) -> tuple[list[str], Iterator[ColumnBlock]]:
    """The header of a table, and its rows in blocks."""
    if kind_by_name(file) == "parquet":
        return open_parquet(file)
    if kind_by_name(file) == "json":
        raise InputError(
            f"{display_path(file)}: series are read from CSV, TSV or Parquet, not from JSON"
        )
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
) -> Iterator[ColumnBlock]:
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
            yield ColumnBlock(
                [line for line, _ in kept], dict(zip(header, transposed, strict=True))
            )


def open_parquet(file: FilePath) -> tuple[list[str], Iterator[ColumnBlock]]:
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

    def blocks() -> Iterator[ColumnBlock]:
        line = 1
        for batch in table.iter_batches(BLOCK):
            found: dict[str, Sequence[str]] = {
                str(name): list(map(as_text, column)) for name, column in batch.to_pydict().items()
            }
            yield ColumnBlock(list(range(line, line + len(batch))), found)
            line += len(batch)

    return list(table.schema_arrow.names), blocks()


def as_text(value: object) -> str:
    """A value of a Parquet table as a CSV would have it."""
    return "" if value is None else str(value)
