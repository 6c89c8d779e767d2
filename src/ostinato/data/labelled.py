"""Labelled sequences from the files people have: tables, folders and files of classes, series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import starmap
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ostinato.data.class_folder import choose_part, list_files, read_class, read_class_folder
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import begins_as_table, is_table
from ostinato.data.files.wording import display_path
from ostinato.data.images.images import is_image
from ostinato.data.images.labelled_images import has_images, read_image_arrays, read_pixels
from ostinato.data.labelled_table import read_labelled_rows, read_rows_to_label
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
from ostinato.data.text.fasttext_lines import is_fasttext, read_fasttext
from ostinato.errors import InputError, option_name

KINDS = ("texts", "series of numbers", "images")


class Labelled(NamedTuple):
    """Labelled("a fine film", "good", "train.tsv:7")

    Attributes:
        inputs: a text, a series [T, D], or an image [H, W, C].
        label: as in the file; "" where there is none.
        where: its place for messages.
        several: whether it has several labels, separated by spaces or as the caller asks.
    """

    inputs: str | np.ndarray
    label: str = ""
    where: str = ""
    several: bool = False


def read_labelled(
    files: Sequence[FilePath],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    known: Sequence[str] = (),
    unlabelled: bool = False,
    separator: str | None = None,
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
        lines __label__good a fine film     as fastText reads them, of one label or several
        .npz with an array `images`         images [N, H, W] or [N, H, W, C], and labels y
        .ts, .arff, .npz, NAME_TRAIN.tsv    series of numbers
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
        separator: what separates the labels of a line with several; default: a space.
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
    records: list[Labelled] = []
    for file in (choose_part(each, training=training) for each in files):
        named = bool(text_column or label_column)
        found = read_numbers(file, named=named, training=training, time_axis=time_axis)
        if found is None:
            one = read_one(file, len(files), text_column, label_column, known, separator or " ")
            found = list(one)
        if not found:
            raise InputError(f"{display_path(file)}: no examples (0 lines)")
        records += found
    check_labelled(records, files, unlabelled=unlabelled)
    return records


def stream_texts(
    files: Sequence[FilePath],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    unlabelled: bool = False,
    separator: str | None = None,
) -> Iterator[Labelled]:
    """As `read_labelled`, one text after another, for files larger than memory.

    Args:
        files: tables, or text files of one class each; others are refused.
        text_column, label_column, unlabelled, separator: as of `read_labelled`.
    """
    for file in files:
        if not text_column and not label_column and not is_text(file):
            raise InputError(
                f"{display_path(file)}: no texts; classification has {option_name('cache')} for "
                f"texts in tables, or in a file a class; leave out {option_name('cache')}"
            )
        record = None
        found = read_one(file, len(files), text_column, label_column, (), separator or " ")
        for record in found:
            if not record.label and not unlabelled:
                raise InputError(f"{record.where}: no label; complete the row or remove it")
            yield record
        if record is None:
            raise InputError(f"{display_path(file)}: no examples (0 lines)")


def is_text(file: FilePath) -> bool:
    """Whether a file holds texts, rather than images or series, and is no folder."""
    return not (
        Path(file).is_dir()
        or has_images(file)
        or is_series(file)
        or has_rows_of_numbers(file)
        or is_long_table(file)
    )


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
    separator: str,
) -> Iterator[Labelled]:
    """The texts of one file of `count`; other arguments as of `read_labelled`."""
    if Path(file).is_dir():
        return starmap(Labelled, read_class_folder(Path(file)))
    table = is_table(file) or text_column or label_column
    if not table and is_fasttext(file):
        return (
            Labelled(line.text, separator.join(line.labels), line.where, len(line.labels) > 1)
            for line in read_fasttext(file)
            if line.text.strip() or line.labels
        )
    if not (table or str(file) == "-" or has_tabs(file) or begins_as_table(file, "text")):
        if count == 1:
            raise InputError(
                f"{display_path(file)}: texts without labels; expected a table with columns text "
                "and label, or several files, one a class"
            )
        return starmap(Labelled, read_class(Path(file)))
    return starmap(Labelled, read_labelled_rows(file, text_column, label_column, known))


def has_tabs(file: FilePath) -> bool:
    """Whether the first line that is not blank has a tab or looks like JSON, as in a table."""
    first = next((line for line in iterate_lines(file) if line.strip()), "")
    return "\t" in first or first.lstrip().startswith("{")


def read_unlabelled(
    files: Sequence[FilePath],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    known: Sequence[str] = (),
    rows_of_numbers: bool = False,
    time_axis: int = 1,
) -> Iterator[Labelled]:
    """What is to be labelled: a text a line, the text column of a table, or series.

    One record for each line, blank ones, too.

    Args:
        files: as of `read_labelled`.
        text_column: the name or number of a table's column of texts, if not a usual one.
        label_column: the name or number of a table's column of labels, if not a usual one.
        known: labels of the model, as of `read_labelled`.
        rows_of_numbers: whether lines of a label and numbers are series, as UCR's; else texts.
        time_axis: of X in an .npz, as of `read_labelled`.
    """
    for file in (choose_part(each, training=False) for each in files):
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
            yield from read_folder(Path(file))
        elif is_series(file) or (rows_of_numbers and has_rows_of_numbers(file)):
            for series in read_series(file, time_axis=time_axis):
                yield Labelled(series.values, series.label, series.where)
        elif is_table(file) or begins_as_table(file, "text", text_column):
            for row in read_rows_to_label(file, text_column, label_column, known):
                yield Labelled(row.text, "", row.where)
        elif is_fasttext(file):
            yield from (Labelled(line.text, "", line.where) for line in read_fasttext(file))
        else:
            for number, line in enumerate(iterate_lines(file), start=1):
                yield Labelled(line, "", f"{display_path(file)}:{number}")


def read_folder(folder: Path) -> Iterator[Labelled]:
    """The pictures in a folder and those inside of it, or else its texts."""
    pictures = [path for path in list_files(folder) if is_image(path)]
    for path in pictures:
        yield Labelled(read_pixels(str(path)), "", str(path))
    if not pictures:
        for inputs, _, where in read_class_folder(folder):
            yield Labelled(inputs, "", where)
