"""Fields separated by tabs, or by commas with quotes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from ostinato.data.files.streams import LONGEST_LINE, FilePath
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError


def tsv_rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    '''(line number, fields) of each line; quotes are ordinary characters.

    Fields that were certainly quoted by a program are the exception:
    'a\\t"say ""b"""' -> (1, ["a", 'say "b"'])'''
    for number, line in enumerate(lines, start=1):
        fields = line.split("\t")
        yield number, [unquote(field) for field in fields] if '""' in line else fields


def unquote(field: str) -> str:
    '''unquote('"say ""b"""') -> 'say "b"'; with a quote that is not doubled, the field itself.'''
    inside = field[1:-1]
    if len(field) < 4 or not (field[0] == field[-1] == '"') or '""' not in inside:
        return field
    return field if '"' in inside.replace('""', "") else inside.replace('""', '"')


def csv_rows(
    lines: Iterable[str], file: FilePath, delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each begins; a quoted field may hold delimiters and line ends.

    Raises:
        InputError: a quote that is not closed, or closed inside a field; a lone carriage return
            outside quotes.
    """
    # the csv module's own limit of 131,072 is less than a long document
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
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


def guess_delimiter(header: str) -> str:
    """Which of , ; tab and | separates the names: guess_delimiter("source;target") -> ";" """
    return max(",;\t|", key=header.count)
