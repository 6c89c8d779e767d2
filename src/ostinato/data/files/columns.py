"""The columns of a table that are read: by name, alias, option or number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from ostinato.data.files.streams import FilePath
from ostinato.data.files.translation_objects import spread_translations
from ostinato.data.files.wording import display_path, list_names, pluralise, quote
from ostinato.errors import InputError, nearest, option_name
from ostinato.notices import notify

ALIASES = {
    "source": ("src",),
    "target": ("tgt", "trg"),
    "utterance": ("source", "src", "question"),
    "reply": ("target", "tgt", "trg", "answer", "response"),
    "text": ("sentence", "transcription", "transcript", "review", "tweet", "content", "message"),
    "label": ("tag", "sentiment", "class", "category"),
    "audio": ("audio_filepath", "audio_file", "file_name", "path"),
    "image": ("file_name", "image_path", "filename", "image_name", "image_file", "filepath"),
    "turns": ("messages", "conversations", "conversation", "dialog", "dialogue", "utterances"),
    "caption": ("captions", "sentences", "text", "description", "comment"),
    "sequence": ("seq",),
    "labels": ("classes",),
    "name": ("id",),
    "word": ("tokens", "words", "token", "form", "text", "sentence"),
    "tag": (
        *("ner_tags", "ner_tag", "ner", "tags", "labels", "label"),
        *("upos", "pos_tags", "chunk_tags", "pos"),
    ),
    "sentence": (
        *("sentence #", "sentence_id", "sentence id", "sent_id"),
        *("sentence_idx", "sentence_number"),
    ),
}


# words that are labels and texts, too: a first line is a header if all of it are usual names
WORDS = frozenset(
    ("review", "tweet", "content", "message", "sentiment", "class", "category", "comment")
)
# columns whose name is given by another one's option: utterance by source_column
OPTIONS = {"utterance": "source", "reply": "target"}


MOST_LISTED = 20  # columns that a message lists
MOST_NAMES = 4  # usual names that it lists


# by these a first line is seen to be a header where columns are given by number
HEADER_WORDS = frozenset(
    (
        *("category", "class", "class index", "content", "date", "description", "id", "index"),
        *("polarity", "rating", "review", "score", "sentiment", "star", "stars", "summary"),
        *("title", "tweet", "user"),
    )
)


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


class Columns:
    """Which of a table's columns are the asked-for ones; arguments as of `read_table`."""

    def __init__(
        self,
        file: FilePath,
        columns: Sequence[str],
        optional: Sequence[str],
        names: Mapping[str, str | None],
        say: Callable[[str], None] = notify,
    ):
        self.say = say
        self.path, self.file = file, display_path(file)
        self.columns, self.all = tuple(columns), (*columns, *optional)
        self.named = {
            column: name
            for column, name in names.items()
            if name is not None and column in self.all
        }
        self.numbers = {
            column: int(name)
            for column, name in self.named.items()
            if name.isascii() and name.isdigit() and 0 < len(name) < 6
        }

    def rows_of_fields(
        self, rows: Iterator[tuple[int, list[str]]], keep_blank: bool, header_optional: bool
    ) -> Iterator[Row]:
        """Rows of fields, under the header that is their first row that is not blank."""
        blank, first = [], None
        header_row: list[str] | None = None
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
            self.say(self.read_as_data(first[1]))
        elif self.numbers:
            has_header = self.is_header(first[1])
            header_row = first[1] if has_header else None
            header = self.number_header(first[1], first[0], has_header)
            rows = rows if has_header else chain(blank, [first], rows)
        else:
            header = self.rename_header(first[1], first[0])
            header_row = first[1]
        repeated = 0
        for line, fields in rows:
            if header_row is not None and fields == header_row:
                repeated += 1  # files joined by cat
                continue
            if not any(fields):
                if keep_blank:
                    yield Row(self.path, line, dict.fromkeys(header, ""))
                continue
            if len(fields) != len(header):
                raise InputError(self.wrong_field_count(fields, header, line))
            yield Row(self.path, line, dict(zip(header, fields, strict=True)))
        if repeated:
            lines = pluralise("line", repeated)
            self.say(f"{self.file}: {repeated:,} {lines} like its header left out")

    def wrong_field_count(self, fields: list[str], header: list[str], line: int) -> str:
        """The message for a row that has not as many fields as the header."""
        what = f"{len(fields)} {'field' if len(fields) == 1 else 'fields'}, expected {len(header)}"
        remedy = (
            "complete the row or remove it"
            if len(fields) < len(header)
            else "a separator inside a field must go, or be quoted in a CSV"
        )
        names = list_names(header, MOST_LISTED)
        return f"{self.file}:{line}: {what} ({names}); {remedy}"

    def is_data(self, fields: list[str]) -> bool:
        """Whether the first row of a table of two columns is no header: it has no known name."""
        known = {name.lower() for column in self.all for name in (column, *ALIASES.get(column, ()))}
        found = [field.strip().lower() for field in fields]
        return (
            not self.named
            and len(fields) == len(self.all) == 2
            and not any(field in known - WORDS for field in found)
            and not known.issuperset(found)
        )

    def read_as_data(self, fields: list[str]) -> str:
        """The notice that a table of two columns is read without a header."""
        one, two = (quote(field.strip(), 30) for field in fields)
        options = " and ".join(
            option_name(f"{OPTIONS.get(column, column)}_column") for column in self.all
        )
        return (
            f"{self.file}: read without a header, as {' and '.join(self.all)}: its first line, "
            f"{one} and {two}, is data; if that is its header, name the columns with {options}"
        )

    def is_header(self, fields: list[str]) -> bool:
        """Whether the first row is a header where columns are given by number: a column is to be
        found by its name, or there is a known name at a given number."""
        if any(column not in self.numbers for column in self.columns):
            return True
        known = {name for column in self.all for name in (column, *ALIASES.get(column, ()))}
        given = [
            fields[number - 1].strip().lower()
            for number in self.numbers.values()
            if 0 < number <= len(fields)
        ]
        return any(field in known or field in HEADER_WORDS for field in given)

    def number_header(self, fields: list[str], line: int, has_header: bool) -> list[str]:
        """The header of a table of which some columns are given by number."""
        found: dict[int, str] = {}
        for column in self.all:
            place = self.place(column, fields, has_header)
            if place is None and column in self.columns:
                if column not in self.numbers:
                    raise InputError(self.no_such_column(column, fields, line))
                among = ", ".join(quote(field.strip(), 30) for field in fields[:MOST_LISTED])
                raise InputError(
                    f"{self.file}:{line}: no column {self.numbers[column]}: it has {len(fields)} "
                    f"({among})"
                )
            if place is not None:
                found[place] = column
        self.say(
            f"{self.file}: columns by number; line {line} is "
            f"{'its header' if has_header else 'data, not a header'}"
        )
        return [found.get(place, f"column {place}") for place in range(1, len(fields) + 1)]

    def place(self, column: str, fields: list[str], has_header: bool) -> int | None:
        """The number of a column, given as such or found in the header; None if it is not there."""
        if column in self.numbers:
            number = self.numbers[column]
            return number if 0 < number <= len(fields) else None
        header = [field.strip() for field in fields]
        name = self.find(column, header) if has_header else None
        return None if name is None else header.index(name) + 1

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
        names = {column: self.find(column, header) for column in self.columns}
        for column in self.columns:
            if names[column] is None:
                raise InputError(self.no_such_column(column, header, line))
        left = [name for name in header if name not in names.values()]
        names |= {column: self.find(column, left) for column in self.all if column not in names}
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
        names = " or ".join(map(repr, (column, *ALIASES.get(column, ()))[:MOST_NAMES]))
        among = ", ".join(quote(name, 40) for name in header[:MOST_LISTED]) or "none"
        option = option_name(f"{OPTIONS.get(column, column)}_column")
        return (
            f"{self.file}:{line}: no column {names} among {among}; name it with {option}, or give "
            "its number, from 1, if there is no header"
        )

    def rows_of_objects(
        self, rows: Iterator[tuple[int, dict | None]], keep_blank: bool
    ) -> Iterator[Row]:
        """Objects, each with its own keys; None for a blank line."""
        headers: dict[tuple[str, ...], list[str]] = {}
        if "source" in self.columns:
            rows = spread_translations(rows, self.named, self.say, self.file)
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
