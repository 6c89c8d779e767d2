"""Fields separated by tabs, or by commas with quotes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from ostinato.data.files.lines import FilePath
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError

LONGEST_FIELD = 1 << 28  # the csv module's own limit of 131,072 is less than a long document


def tsv_rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    '''A row is a line and quotes are ordinary characters, but for fields that were certainly quoted by a program:
    'a\\t"say ""b"""' -> (1, ["a", 'say "b"'])'''
    for number, line in enumerate(lines, start=1):
        fields = line.split("\t")
        yield number, [unquoted(field) for field in fields] if '""' in line else fields


def unquoted(field: str) -> str:
    '''unquoted('"say ""b"""') -> 'say "b"'; a field with any quote that is not doubled stays as it is.'''
    inside = field[1:-1]
    if len(field) < 4 or not (field[0] == field[-1] == '"') or '""' not in inside:
        return field
    return field if '"' in inside.replace('""', "") else inside.replace('""', '"')


def csv_rows(
    lines: Iterable[str], file: FilePath, delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each begins; a quoted field may hold delimiters and line ends.

    InputError: a quote that is not closed, or closed inside a field; a lone carriage return outside quotes."""
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    begin = 1
    while True:
        begin = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            opened = "unexpected end" in str(error)
            what = (
                "a quote opened here is not closed"
                if opened
                else f"bad CSV: {error}; quote the whole field"
            )
            raise InputError(f"{display_path(file)}:{begin}: {what}") from None
        yield begin, fields


def delimiter_of(header: str) -> str:
    """Which of , ; tab and | separates the names of a header: delimiter_of("source;target") -> ";" """
    return max(",;\t|", key=header.count)
