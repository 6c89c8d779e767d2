"""Texts with labels in the rows of tables: which column is which, and whether there is a header."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ostinato.data.files.columns import Row
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import read_table
from ostinato.data.files.wording import display_path, quote
from ostinato.errors import InputError
from ostinato.notices import notify

FEWEST_ROWS = 8  # from which on a first line that is unlike the rest is a header
MOST_LABELS = 20  # different labels of a table without a header, to be seen as its first column
BEGINNING = 100_000  # rows of a table by which its columns and its header are judged
LOOKED_AT = 1000  # rows of what is to be labelled, to see the same


class LabelledRow(NamedTuple):
    """A row of a table: its text on one line, its label, and its place for messages."""

    text: str
    label: str
    where: str


def read_labelled_rows(
    file: FilePath,
    text_column: str | None,
    label_column: str | None,
    known: Sequence[str] = (),
) -> Iterator[LabelledRow]:
    """The rows of a table of texts and labels, one after another.

    Which column is which, and whether there is a header, is decided by the first BEGINNING rows.

    Args:
        file: the table.
        text_column: the name or number of its column of texts, if not a usual one.
        label_column: the name or number of its column of labels, if not a usual one.
        known: labels of a trained model: they tell which column is which where no header does.

    Raises:
        InputError: as of `read_table`, or a text that is null.
    """
    said: list[str] = []
    names = {"text": text_column, "label": label_column}
    table = read_table(file, ("text", "label"), names=names, say=said.append)
    rows = (as_labelled_row(require_text(row, file)) for row in table)
    head = list(islice(rows, BEGINNING))
    named = bool(text_column or label_column)
    yield from without_header(head, rows, said, file, known, named=named)


def require_text(row: Row, file: FilePath) -> Row:
    """The row, unless its text is null; an empty text is a text.

    Raises:
        InputError: It is.
    """
    if row.values["text"] is None:
        raise InputError(f"{display_path(file)}:{row.line}: no text; complete the row or remove it")
    return row


def read_rows_to_label(
    file: FilePath,
    text_column: str | None,
    label_column: str | None = None,
    known: Sequence[str] = (),
) -> Iterator[LabelledRow]:
    """The texts of a table, also of blank rows, read as `read_labelled_rows` does."""
    said: list[str] = []
    names = {"text": text_column, "label": label_column}
    table = read_table(
        file, ("text",), optional=("label",), names=names, keep_blank=True, say=said.append
    )
    rows = map(as_labelled_row, table)
    head = list(islice(rows, 1))
    if any("is data" in notice for notice in said):
        head += islice(rows, LOOKED_AT)
    named = bool(text_column or label_column)
    yield from without_header(head, rows, said, file, known, named=named)


def without_header(
    rows: Sequence[LabelledRow],
    rest: Iterable[LabelledRow],
    said: list[str],
    file: FilePath,
    known: Sequence[str],
    *,
    named: bool,
) -> Iterator[LabelledRow]:
    """The rows, texts first, without a first line that is a header with unusual names.

    Args:
        rows: the first rows of a table, by which it is judged; the first may be its header.
        rest: its other rows.
        said: by the reader of the table, as of its header.
        file: the table.
        known: labels of a trained model.
        named: whether the columns were named by an option, or numbered.
    """
    name = display_path(file)
    read_as_data = [notice for notice in said if "is data" in notice]
    if not named and first_column_is_label(rows, said, known):
        notify(f"{name}: read as label, text: its first column has the labels")
        rows, rest = [turn_round(row) for row in rows], map(turn_round, rest)
        said = [each for each in said if each not in read_as_data]
    if read_as_data and first_is_header([row.label for row in rows], known):
        text, label = quote(rows[0].text, 30), quote(rows[0].label, 30)
        why = "the model knows all other labels" if known else "no other line has this label"
        notify(f"{name}: its first line, {text} and {label}, is taken for its header: {why}")
        said, rows = [each for each in said if each not in read_as_data], rows[1:]
    for notice in said:
        notify(notice)
    yield from rows
    yield from rest


def turn_round(row: LabelledRow) -> LabelledRow:
    """The row with its two columns exchanged."""
    return row._replace(text=row.label, label=row.text.strip())


def as_labelled_row(row: Row) -> LabelledRow:
    """The text and the label of a table's row; of a row without a column of labels ""."""
    label = row_label(row) if "label" in row.values else ""
    return LabelledRow(row_text(row), label, f"{display_path(row.file)}:{row.line}")


def row_text(row: Row) -> str:
    """A text on one line: a quoted field of a CSV may hold line ends."""
    return row.text("text").replace("\r", " ").replace("\n", " ")


def row_label(row: Row) -> str:
    """A label as text: true and false are labels; null, and the NaN of tables for it, are none."""
    value = row.values["label"]
    if isinstance(value, bool):
        return str(value).lower()
    return "" if isinstance(value, float) and math.isnan(value) else row.text("label").strip()


def first_column_is_label(
    rows: Sequence[LabelledRow], said: Sequence[str], known: Sequence[str]
) -> bool:
    """Whether a table, read as text and label without a header, has them the other way round."""
    if not any("is data" in notice for notice in said):
        return False
    given = [row for row in rows if row.text.strip() or row.label]
    texts, labels = [row.text for row in given], [row.label for row in given]
    if known and len(given) > 1 and not {*texts[:1]} & set(known):  # perhaps a header
        texts, labels = texts[1:], labels[1:]
    return bool(texts) and labels_come_first(texts, labels, known)


def labels_come_first(
    first_column: Sequence[str], second_column: Sequence[str], known: Sequence[str]
) -> bool:
    """Whether a table without a header surely has its labels before its texts.

    Sure are labels that a trained model knows; or a first column of a few one-word values, each
    again and again, beside a second whose values hardly ever recur and have several words."""
    first, second = [value.strip() for value in first_column], list(second_column)
    different = set(first)
    if known:
        return different <= set(known) and not set(second) & set(known)
    few = len(different) <= min(MOST_LABELS, len(first) // 3) and not any(
        " " in value for value in different
    )
    phrases = sum(" " in value for value in second)
    return few and len(set(second)) > 0.8 * len(second) and phrases > 0.8 * len(second)


def first_is_header(labels: Sequence[str], known: Sequence[str] = ()) -> bool:
    """Whether the first label is unlike the rest: it occurs once, all others again and again.

    Or else, a trained model knows all `known` labels but this. A first label with a digit is none,
    where the others have digits, too."""
    if not labels or not labels[0]:
        return False
    rest = [label for label in labels[1:] if label]
    if known:
        return bool(rest) and labels[0] not in known and set(rest) <= set(known)
    counts = Counter(rest)
    return (
        len(labels) > FEWEST_ROWS
        and len(counts) > 1
        and labels[0] not in counts
        and min(counts.values()) > 1
        and len(counts) <= MOST_LABELS
        and not (has_digit(labels[0]) and (labels[0].isdigit() or any(map(has_digit, counts))))
    )


def has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)
