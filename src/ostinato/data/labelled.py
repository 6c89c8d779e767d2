"""Labelled sequences from the files people have: tables, folders and files of classes, series."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ostinato.data.files.columns import Row
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import begins_as_table, is_table, read_table
from ostinato.data.files.wording import display_path, quote
from ostinato.data.images.images import is_image
from ostinato.data.images.labelled_images import has_images, read_image_arrays, read_pixels
from ostinato.data.series.rows_of_numbers import has_rows_of_numbers
from ostinato.data.series.series import is_series, read_series
from ostinato.data.series.series_tables import (
    is_long_table,
    is_series_folder,
    is_series_table,
    read_long_table,
    read_series_folder,
    read_series_table,
)
from ostinato.errors import InputError

KINDS = ("texts", "series of numbers", "images")
FEWEST_ROWS = 8  # from which on a first line that is unlike the rest is a header
MOST_LABELS = 20  # different labels of a table without a header, to be seen as its first column


class Labelled(NamedTuple):
    """Labelled("a fine film", "good", "train.tsv:7")

    Attributes:
        inputs: a text, a series [T, D], or an image [H, W, C].
        label: as in the file; "" where there is none.
        where: its place for messages.
    """

    inputs: str | np.ndarray
    label: str = ""
    where: str = ""


def read_labelled(
    files: Sequence[FilePath],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    known: Sequence[str] = (),
    unlabelled: bool = False,
    notices: list[str] | None = None,
    training: bool = False,
    time_axis: int = 1,
) -> list[Labelled]:
    """The labelled texts or series of the files, each of which may be

        a table (TSV, CSV, JSONL, Parquet)  columns text and label, or those named; a TSV of two
                                            columns needs no header
        a folder                            of one folder a class with a text a file, or of one
                                            file a class with a text a line
        several text files without tabs     one a class, a text a line; the file's name is the label
        a folder                            of one folder a class with an image a file
        .npz with an array `images`         images [N, H, W] or [N, H, W, C], and labels y
        .ts, .npz, UCR's NAME_TRAIN.tsv     series of numbers
        CSV with columns id, time, values   series of numbers, a row a step
          and label
        a folder of CSV files, a series     in one folder a class, or beside labels.csv with columns
          each                              file and label

    Args:
        files: as above.
        text_column: the name or number of a table's column of texts, if not a usual one.
        label_column: the name or number of a table's column of labels, if not a usual one.
        known: labels of a trained model: they tell which column is which where no header does.
        unlabelled: whether a row may have no label, where several are allowed.
        notices: what the reader should know is appended to this list, a line each.
        training: which of X_train and X_test is read of an .npz that has both.
        time_axis: of X in an .npz: 1 for [N, T, D], 2 for [N, D, T].

    Raises:
        InputError: with file and line: a row without a label, no such column, nothing to read,
            texts and series mixed.
    """
    if not files:
        raise InputError(
            "no file given; expected a table with columns text and label, a folder a class, "
            ".ts or .npz"
        )
    notices = [] if notices is None else notices
    records: list[Labelled] = []
    for file in files:
        named = bool(text_column or label_column)
        found = read_numbers(file, named=named, training=training, time_axis=time_axis)
        if found is None:
            found = list(read_one(file, len(files), text_column, label_column, known, notices))
        if not found:
            raise InputError(f"{display_path(file)}: no examples (0 lines)")
        records += found
    check_labelled(records, files, unlabelled=unlabelled)
    return records


def read_numbers(
    file: FilePath, *, named: bool, training: bool, time_axis: int
) -> list[Labelled] | None:
    """The images or series of one file or folder; None if it holds texts.

    Args:
        file: as of `read_labelled`.
        named: whether columns are named, so that a table holds texts.
        training: as of `read_labelled`.
        time_axis: as of `read_labelled`.
    """
    if has_images(file):
        return [Labelled(*each) for each in read_image_arrays(file, training=training)]
    if is_series(file) or (not named and has_rows_of_numbers(file)):
        series = read_series(file, training=training, time_axis=time_axis)
        return [Labelled(*each) for each in series]
    if not named and is_long_table(file):
        return [Labelled(*each) for each in read_long_table(file)]
    if is_series_folder(file):
        return [Labelled(*each) for each in read_series_folder(file)]
    return None


def check_labelled(
    records: Sequence[Labelled], files: Sequence[FilePath], *, unlabelled: bool
) -> None:
    """InputError for texts and series together, and, but with `unlabelled`, for a missing label."""
    kinds = sorted({kind_of(record.inputs) for record in records}, key=KINDS.index)
    if len(kinds) > 1:
        raise InputError(
            f"{' '.join(map(display_path, files))}: {' and '.join(kinds)} cannot be mixed; "
            "give files of one kind"
        )
    missing = None if unlabelled else next((record for record in records if not record.label), None)
    if missing is not None:
        raise InputError(f"{missing.where}: no label; complete the row or remove it")


def kind_of(inputs: str | np.ndarray) -> str:
    """What an input is: "texts", "series of numbers" or "images"."""
    if isinstance(inputs, str):
        return KINDS[0]
    return KINDS[2] if inputs.ndim == 3 else KINDS[1]


def read_one(
    file: FilePath,
    count: int,
    text_column: str | None,
    label_column: str | None,
    known: Sequence[str],
    notices: list[str],
) -> Iterator[Labelled]:
    """The texts of one file of `count`; other arguments as of `read_labelled`."""
    if Path(file).is_dir():
        return read_folder(Path(file))
    # standard input can be read only once, so that its first line cannot tell
    table = is_table(file) or str(file) == "-" or text_column or label_column
    if not table and not has_tabs(file):
        if count == 1:
            raise InputError(
                f"{display_path(file)}: texts without labels; expected a table with columns text "
                "and label, or several files, one a class"
            )
        return read_class(Path(file))
    return read_rows(file, text_column, label_column, known, notices)


def read_rows(
    file: FilePath,
    text_column: str | None,
    label_column: str | None,
    known: Sequence[str],
    notices: list[str],
) -> Iterator[Labelled]:
    """The rows of a table; arguments as of `read_labelled`."""
    names = {"text": text_column, "label": label_column}
    rows = list(read_table(file, ("text", "label"), names=names))
    texts = [row_text(row) for row in rows]
    labels = [row_label(row) for row in rows]
    for row in rows:
        if row.values["text"] is None:  # null; an empty text is a text
            raise InputError(
                f"{display_path(file)}:{row.line}: no text; complete the row or remove it"
            )
    headless = (
        bool(rows)
        and rows[0].line == 1
        and list(rows[0].values) == ["text", "label"]
        and not (text_column or label_column)
    )
    if headless and labels_come_first(texts, labels, known):
        notices.append(
            f"{display_path(file)}: read as label, text: its first column has the labels"
        )
        texts, labels = labels, [text.strip() for text in texts]
    if headless and not known and first_is_header(labels):
        notices.append(
            f"{display_path(file)}: its first line, {quote(texts[0], 30)} and "
            f"{quote(labels[0], 30)}, is taken for its header: no other line has this label"
        )
        rows, texts, labels = rows[1:], texts[1:], labels[1:]
    for row, text, label in zip(rows, texts, labels, strict=True):
        yield Labelled(text, label, f"{display_path(file)}:{row.line}")


def row_text(row: Row) -> str:
    """A text on one line: a quoted field of a CSV may hold line ends."""
    return row.text("text").replace("\r", " ").replace("\n", " ")


def row_label(row: Row) -> str:
    """A label as text: true and false are labels; null, and the NaN of tables for it, are none."""
    value = row.values["label"]
    if isinstance(value, bool):
        return str(value).lower()
    return "" if isinstance(value, float) and math.isnan(value) else row.text("label").strip()


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


def first_is_header(labels: Sequence[str]) -> bool:
    """Whether the first label is unlike the rest: it occurs once, all others again and again."""
    counts = Counter(labels[1:])
    return (
        len(labels) > FEWEST_ROWS
        and len(counts) > 1
        and labels[0] not in counts
        and min(counts.values()) > 1
        and len(counts) <= MOST_LABELS
        and not any(character.isdigit() for character in labels[0])
    )


def has_tabs(file: FilePath) -> bool:
    """Whether the first line that is not blank has a tab or looks like JSON, as in a table."""
    first = next((line for line in iterate_lines(file) if line.strip()), "")
    return "\t" in first or first.lstrip().startswith("{")


def read_class(file: Path) -> Iterator[Labelled]:
    """A text a line; the label is the file's name without its ending: "French.txt" -> "French"."""
    label = file.name.removesuffix(".gz").removesuffix(".txt")
    for number, line in enumerate(iterate_lines(file), start=1):
        if line.strip():
            yield Labelled(line, label, f"{file}:{number}")


def read_folder(folder: Path) -> Iterator[Labelled]:
    """One folder a class with a text or an image a file, or one file a class with a text a line.

    Names that start with a dot are left out."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    classes = [path for path in inside if path.is_dir()]
    if not inside:
        raise InputError(
            f"{folder}: an empty folder; expected one folder a class, or one file a class"
        )
    for path in classes:
        for file in sorted(path.rglob("*")):
            if file.is_file() and not file.name.startswith(".") and is_image(file):
                yield Labelled(read_pixels(str(file)), path.name, str(file))
            elif file.is_file() and not file.name.startswith("."):
                text = " ".join(" ".join(iterate_lines(file)).split())
                yield Labelled(text, path.name, str(file))
    for path in inside if not classes else ():
        yield from read_class(path)


def read_unlabelled(
    files: Sequence[FilePath],
    *,
    text_column: str | None = None,
    rows_of_numbers: bool = False,
    time_axis: int = 1,
) -> Iterator[Labelled]:
    """What is to be labelled: a text a line, the text column of a table, or series.

    One record for each line, blank ones, too.

    Args:
        files: as of `read_labelled`.
        text_column: the name or number of a table's column of texts, if not a usual one.
        rows_of_numbers: whether lines of a label and numbers are series, as UCR's; else texts.
        time_axis: of X in an .npz, as of `read_labelled`.
    """
    for file in files:
        if has_images(file):
            for pixels, label, where in read_image_arrays(file):
                yield Labelled(pixels, label, where)
        elif is_image(file):
            yield Labelled(read_pixels(str(file)), "", str(file))
        elif rows_of_numbers and is_long_table(file, labelled=False):
            for series in read_long_table(file):
                yield Labelled(*series)
        elif rows_of_numbers and is_series_folder(file):
            for series in read_series_folder(file):
                yield Labelled(*series)
        elif rows_of_numbers and not has_rows_of_numbers(file) and is_series_table(file):
            yield Labelled(*read_series_table(file))
        elif Path(file).is_dir():
            for path in sorted(Path(file).rglob("*")):
                if path.is_file() and is_image(path):
                    yield Labelled(read_pixels(str(path)), "", str(path))
        elif is_series(file) or (rows_of_numbers and has_rows_of_numbers(file)):
            for series in read_series(file, time_axis=time_axis):
                yield Labelled(series.values, series.label, series.where)
        elif is_table(file) or begins_as_table(file, "text", text_column):
            for row in read_table(
                file, ("text",), optional=("label",), names={"text": text_column}, keep_blank=True
            ):
                yield Labelled(row_text(row), "", f"{display_path(file)}:{row.line}")
        else:
            for number, line in enumerate(iterate_lines(file), start=1):
                yield Labelled(line, "", f"{display_path(file)}:{number}")
