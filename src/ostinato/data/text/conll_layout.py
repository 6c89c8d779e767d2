"""The layout of a CoNLL file (separator, columns, comments), detected from its first lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path, quote
from ostinato.data.text.comments import Comments
from ostinato.errors import InputError, nearest, option_name

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
COLUMN_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")
TOKEN_NUMBER = re.compile(r"\d+")
NOT_A_TOKEN = re.compile(r"\d+[-.]\d+")  # a range of tokens, or an empty node
BOUNDARY = "-DOCSTART-"
HEAD = 1000  # lines looked at to see how a file is laid out


class Layout(NamedTuple):
    """How the token lines of a file are split into columns.

    Attributes:
        file: its name, for messages.
        line: of the first token.
        columns: their number.
        tabs: whether tabs separate them, rather than spaces.
        odd_spaces: whether spaces other than U+0020, such as U+00A0, separate them.
        conllu: whether the columns are CoNLL-U's.
        names: of the columns; () where they have none.
        numbered: whether the first column counts the tokens of each sentence, as GermEval's does.
    """

    file: str
    line: int
    columns: int
    tabs: bool
    conllu: bool
    names: tuple[str, ...]
    odd_spaces: bool = False
    numbered: bool = False

    def fields(self, line: str) -> list[str]:
        """The columns of a line, without spaces at their ends.

        Where there are too few between spaces, other white space separates them, too; where there
        are too many between tabs, several tabs separate two."""
        if self.tabs:
            fields = [strip_field(field) for field in line.split("\t")]
            full = [field for field in fields if field]
            aligned = len(full) == self.columns < len(fields) and not self.conllu
            return full if aligned else fields
        fields = split_words(line)
        if self.odd_spaces or len(fields) < self.columns:
            between = line.split()
            return between if len(between) == self.columns else fields
        return fields

    def find_column(self, given: str | None, default: str | int, option: str) -> int:
        """The index of a column, from 0.

        Args:
            given: its number (1 is the first, -1 the last) or name; None for the default.
            default: as `given`.
            option: the name of the option that gives it, for messages.
        """
        wanted = str(default) if given is None else given
        if COLUMN_NUMBER.fullmatch(wanted):
            number = int(wanted)
            if not 1 <= abs(number) <= self.columns:
                raise InputError(
                    f"{self.file}:{self.line}: {option_name(option)} {wanted}: "
                    f"the columns are 1 to {self.columns}, or -1 for the last"
                )
            return number - 1 if number > 0 else self.columns + number
        if wanted.lower() not in self.names:
            known = (
                nearest(wanted.lower(), self.names)
                if self.names
                else "; the columns have no names here, give a number"
            )
            raise InputError(
                f"{self.file}:{self.line}: {option_name(option)} {wanted[:60]}: "
                f"no such column{known}"
            )
        return self.names.index(wanted.lower())

    def find_features(self, given: Sequence[str], others: Sequence[int | None]) -> list[int]:
        """The indices of the columns that are read beside the word.

        Args:
            given: numbers or names.
            others: the indices of the word's column and of the tag's, which may not be among them.

        Raises:
            InputError: the word's own column, the tag's, or one given twice.
        """
        found = [self.find_column(each, each, "feature_columns") for each in given]
        for place, column in enumerate(found):
            if column in others or column in found[:place]:
                what = (
                    "given twice"
                    if column not in others
                    else "the word's own"
                    if column == others[0]
                    else "that of the tag to be learned"
                )
                raise InputError(
                    f"{self.file}:{self.line}: {option_name('feature_columns')} {','.join(given)}: "
                    f"column {column + 1} is {what}"
                )
        return found

    def find_word(self, given: str | None) -> int:
        """The index of the word's column: the given one, FORM, or the first that is no number of
        the token in its sentence."""
        usual = "form" if "form" in self.names else 2 if self.numbered else 1
        return self.find_column(given, usual, "word_column")


def split_words(line: str) -> list[str]:
    """The words between spaces and tabs; other white space, such as U+00A0, may be inside one."""
    return [strip_field(word) for word in line.replace("\t", " ").split(" ") if word]


def strip_field(field: str) -> str:
    """The field without white space at its ends; of U+00A0 and the like alone, it is a token."""
    return field.strip() or field.strip(" \t\r")


def is_boundary(line: str) -> bool:
    """Whether a line marks the start of a document, as in CoNLL-2003 and its lower-cased copies."""
    return line[: len(BOUNDARY)].upper() == BOUNDARY


def read_head(lines: Iterator[str], *, sentence: bool = False) -> list[str]:
    """The first HEAD lines; or of them those up to the end of the first `sentence`."""
    head: list[str] = []
    for line in islice(lines, HEAD):
        head.append(line)
        if (
            sentence
            and not line.strip(" \t")
            and any(
                each.strip(" \t") and not each.startswith("#") and not is_boundary(each)
                for each in head
            )
        ):
            break
    return head


def read_layout(file: FilePath, head: Sequence[str]) -> Layout | None:
    """The layout of a file, from its first lines; None where there is no token in them."""
    named: list[str] = next(
        (line.partition("=")[2].split() for line in head if line.startswith("# global.columns")), []
    )
    tokens = [
        (number, line)
        for number, line in enumerate(head, start=1)
        if line.strip(" \t") and not is_boundary(line)
    ]
    ending = Path(str(file).removesuffix(".gz")).suffix.lower()
    # a line that begins with # may be a comment, or (but in CoNLL-U) a token that is a number sign
    comments = bool(named) or ending == ".conllu"
    found = next(
        (each for each in tokens if not each[1].startswith("#")),
        tokens[0] if tokens and not comments else None,
    )
    if found is None:
        return None
    number, line = found
    tabs = "\t" in line
    fields = line.split("\t") if tabs else split_words(line)
    others = [each for _, each in tokens if not each.startswith("#")]
    odd = not tabs and has_odd_spaces(len(fields), others)
    fields = line.split() if odd else drop_empty_columns(fields, others) if tabs else fields
    conllu = (
        tabs
        and len(fields) == len(CONLLU)
        and bool(TOKEN_NUMBER.fullmatch(fields[0]) or NOT_A_TOKEN.fullmatch(fields[0]))
    )
    if ending == ".conllu" and not conllu:
        raise InputError(
            f"{display_path(file)}:{number}: {len(fields)} columns; "
            f"a CoNLL-U file has the {len(CONLLU)} of CoNLL-U between tabs"
        )
    names = CONLLU if conllu else tuple(name.rpartition(":")[2].lower() for name in named)
    names = names if len(names) <= len(fields) else ()
    layout = Layout(display_path(file), number, len(fields), tabs, conllu, names, odd)
    return layout._replace(numbered=len(fields) > 2 and not names and counts_tokens(layout, head))


def counts_tokens(layout: Layout, head: Sequence[str]) -> bool:
    """Whether the first column counts the tokens of every sentence, from 1 or from 0."""
    numbers: list[list[str]] = [[]]
    for line in head:
        if not line.strip(" \t"):
            numbers.append([])
        elif not line.startswith("#") and not is_boundary(line):
            numbers[-1].append(layout.fields(line)[0])
    counted = [
        [str(number) for number in range(first, len(each) + first)] == each
        for each in numbers
        if each
        for first in [0 if each[0] == "0" else 1]
    ]
    return all(counted) and max(map(len, numbers)) > 1


def has_odd_spaces(columns: int, tokens: Sequence[str]) -> bool:
    """Whether U+00A0 and the like separate columns, at least in the first of these lines.

    All lines then have equally many parts between spaces of any kind, more than the `columns` that
    the first has between ordinary ones; and ordinary spaces separate as many in another line, or
    stand nowhere."""
    counts = {len(line.split()) for line in tokens}
    if len(tokens) < 2 or len(counts) > 1 or columns >= min(counts):
        return False
    ordinary = {len(split_words(line)) for line in tokens}
    return ordinary == {1} or counts <= ordinary


def drop_empty_columns(fields: list[str], tokens: Sequence[str]) -> list[str]:
    """The first line's fields without the last ones, where these are empty in all lines."""
    columns = len(fields)
    while columns > 1 and all(
        len(row) < columns or not row[columns - 1].strip()
        for row in (line.split("\t") for line in tokens)
    ):
        columns -= 1
    return fields[:columns]


def parse_token(
    layout: Layout, number: int, line: str, *, first: bool, comments: Comments
) -> list[str] | None:
    """The columns of a token's line.

    Args:
        layout: of the file.
        number: of the line.
        line: without its end.
        first: whether it may be the first of a sentence, where comments are allowed.
        comments: tells comments from tokens.

    Returns:
        The columns; [] for a blank line; None for a comment, a range of tokens, an empty node, or
        the start of a document.
    """
    if not line or not line.strip(" \t"):
        return []
    if is_boundary(line):
        return None
    fields = layout.fields(line)
    if line.startswith("#") and (layout.conllu or (first and comments.is_comment(line, fields))):
        return None
    if len(fields) != layout.columns:
        hint = "; is a token without its tag?" if len(fields) < layout.columns else ""
        raise InputError(
            f"{layout.file}:{number}: {len(fields)} column{'s' * (len(fields) != 1)}, "
            f"expected {layout.columns} as in line {layout.line}{hint}"
        )
    if layout.conllu and not TOKEN_NUMBER.fullmatch(fields[0]):
        if NOT_A_TOKEN.fullmatch(fields[0]):
            return None
        raise InputError(
            f"{layout.file}:{number}: {quote(fields[0])} is not the number of a CoNLL-U token; "
            "expected 1, 1-2 or 1.1"
        )
    return fields
