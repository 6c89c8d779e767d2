"""Labelled series of one dimension in the rows of a text file, as in UCR's NAME_TRAIN.tsv."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.npz import (
    format_label,
)
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path
from ostinato.data.series.labelled_series import LabelledSeries
from ostinato.data.series.ts_file import MISSING, parse_dimension, trim_missing
from ostinato.errors import InputError
from ostinato.notices import notify

ROW_ENDINGS = (".tsv", ".txt", ".csv", ".data", ".tab")
FEWEST_NUMBERS = 4  # on a line, to be seen as a label and its series
LABELS = ("label", "labels", "class", "target", "y", "category", "activity")  # in a header
LOOKED_AT = 200  # rows, to see which column has the labels
MOST_LABELS = 0.2  # share of the rows that differ in a last column of labels


class Rows(NamedTuple):
    """How the lines of a file are read.

    Attributes:
        label: the index of the label among the fields.
        header: the line of the header; 0 if there is none.
    """

    label: int
    header: int


def has_rows_of_numbers(file: FilePath) -> bool:
    """Whether a file is like UCR's NAME_TRAIN.tsv: a label and a series of numbers on each line.

    The label is a number or a word before the numbers, or the one column of a header that is called
    label or class."""
    return find_rows(file) is not None


def find_rows(file: FilePath) -> Rows | None:
    """How the series on the lines of a file are read; None if it has none."""
    path = Path(str(file).removesuffix(".gz"))
    archive = re.search(r"_(TRAIN|TEST)$", path.stem) is not None
    if not Path(file).is_file() or not (
        path.suffix.lower() in ROW_ENDINGS or (archive and not path.suffix)
    ):
        return None
    lines = ((number, line) for number, line in enumerate(iterate_lines(file), 1) if line.strip())
    rows = [
        (number, [word.strip() for word in split_row(line, spaces=archive)])
        for number, line in islice(lines, LOOKED_AT)
    ]
    if not rows or len(rows[0][1]) < FEWEST_NUMBERS:
        return None
    number, first = rows[0]
    if all(map(is_value, first)):
        return Rows(-1 if label_is_last([words for _, words in rows]) else 0, 0)
    if archive and not is_value(first[0]) and all(map(is_value, first[1:])):
        return Rows(0, 0)
    names = [word.strip('"').lower() for word in first]
    labels = [place for place, name in enumerate(names) if name in LABELS]
    if len(labels) != 1 or len(rows) < 2 or len(rows[1][1]) != len(first) or is_text(names):
        return None
    values = [word for place, word in enumerate(rows[1][1]) if place != labels[0]]
    return Rows(labels[0], number) if all(map(is_value, values)) else None


def is_text(names: Sequence[str]) -> bool:
    """Whether a header has a column of texts, or of names or times of series: another table."""
    other = ("text", "sentence", "id", "series", "unique_id", "time", "ds", "timestamp", "date")
    return any(name in other for name in names)


def label_is_last(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the last numbers of lines are surely their labels, and not the first.

    They are a few whole numbers, each again and again, and the first numbers are not."""
    rows = [row for row in rows if all(map(is_value, row))]
    if len(rows) < 1 / MOST_LABELS or len({len(row) for row in rows}) > 1:
        return False
    return is_label_column([row[-1] for row in rows]) and not all(is_whole(row[0]) for row in rows)


def is_label_column(words: Sequence[str]) -> bool:
    """Whether the values of a column are few whole numbers."""
    return all(map(is_whole, words)) and len(set(words)) <= max(2, MOST_LABELS * len(words))


def is_whole(word: str) -> bool:
    """is_whole("2.0000e+00") -> True"""
    return word.lower() not in MISSING and is_value(word) and float(word).is_integer()


def split_row(line: str, *, spaces: bool = True) -> list[str]:
    """The fields of a row of numbers, between tabs or commas, or else, if allowed, spaces."""
    for separator in ("\t", ","):
        if separator in line:
            return line.rstrip("\r\n").split(separator)
    return line.split() if spaces else [line]


def is_value(word: str) -> bool:
    """Whether a word is a number, or stands for a missing one."""
    if word.strip().lower() in MISSING:
        return True
    try:
        return math.isfinite(float(word)) and len(word) < 100
    except ValueError:
        return False


def read_rows_of_numbers(file: FilePath) -> Iterator[LabelledSeries]:
    """The series of a file with a label and then the values of one dimension on each line.

    Missing values at the end of a line are padding.

    Raises:
        InputError: with the line: a value that is not a finite number, a label without a series.
    """
    found = find_rows(file) or Rows(0, 0)
    if found.header or found.label:
        which = "its header names it" if found.header else "whole numbers that come again"
        at = "the last column" if found.label == -1 else f"column {found.label + 1}"
        notify(f"{display_path(file)}: a series a line; {at} is the label: {which}")
    for number, line in enumerate(iterate_lines(file), start=1):
        if not line.strip() or number == found.header:
            continue
        where = f"{display_path(file)}:{number}"
        words = split_row(line)
        label = words.pop(found.label)
        values = parse_dimension(trim_missing([",".join(words)])[0], where, 1)
        if not values:
            raise InputError(f"{where}: a label without a series")
        label = label.strip().strip('"')
        label = format_label(float(label)) if label and is_value(label) else format_label(label)
        yield LabelledSeries(np.array(values, dtype=np.float32)[:, None], label, where)
