"""Comments in files of columns: # id 17, before a sentence; and tokens that begin with #, too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from ostinato.data.text.tag_forms import OUTSIDE

KEY_AND_VALUE = re.compile(r"#\s*\S+\s+=(\s|$)")  # "# sent_id = 17", as CoNLL-U has it
MOST_LINES = 100_000  # read to see which values a column has


class Comments:
    """Which lines that begin with # are comments, where they have as many columns as a token.

    They stand before a sentence. So may a token, a number sign or a hashtag: its column of tags has
    a value that other tokens have there, or one of their types (I-NP beside B-NP).

    Args:
        columns: the number of columns of a token.
        column: the index of the one whose values tell.
        fields: the columns of a line.
        lines: begins to read the file, anew.
        known: further values of the column, such as the tags of the training data.
    """

    def __init__(
        self,
        columns: int,
        column: int,
        fields: Callable[[str], list[str]],
        lines: Callable[[], Iterable[str]],
        known: Iterable[str] = (),
    ):
        self.columns, self.column, self.fields, self.lines = columns, column, fields, lines
        self.known = frozenset(known)
        self.values: frozenset[str] | None = None  # read when a line needs them
        self.kinds: frozenset[str] = frozenset()

    def is_comment(self, line: str, fields: Sequence[str]) -> bool:
        """Whether a line that begins with #, and might begin a sentence, is a comment."""
        if len(fields) != self.columns or KEY_AND_VALUE.match(line):
            return True
        return self.columns > 1 and not self.is_value(fields[self.column])

    def is_value(self, value: str) -> bool:
        """Whether a value of the column is one that tokens have; # is a part of speech, too."""
        if self.values is None:
            self.values = frozenset(self.read_values()) | self.known
            self.kinds = frozenset(kind for each in self.values for kind in kinds_of(each))
        if not self.values:  # no token that does not begin with #
            return True
        return (
            value == "#"
            or value in self.values
            or (value == OUTSIDE and bool(self.kinds))
            or any(kind in self.kinds for kind in kinds_of(value))
        )

    def read_values(self) -> Iterator[str]:
        """The values of the column in lines that are tokens for certain."""
        first = True
        for line in islice(self.lines(), MOST_LINES):
            fields = self.fields(line) if line.strip() else []
            if len(fields) == self.columns and not (first and line.startswith("#")):
                yield fields[self.column]
            first = not fields or (first and line.startswith("#"))


def kinds_of(tag: str) -> list[str]:
    """kinds_of("B-PER") -> ["PER"]; kinds_of("PER_B") -> ["PER"]; kinds_of("NN") -> []"""
    found = []
    if len(tag) > 2 and tag[1] in "-_":
        found.append(tag[2:])
    if len(tag) > 2 and tag[-2] in "-_":
        found.append(tag[:-2])
    return found
