"""Labelled series of one dimension in the rows of a text file, as in UCR's NAME_TRAIN.tsv."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

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

ROW_ENDINGS = (".tsv", ".txt", ".csv", ".data", ".tab")


FEWEST_NUMBERS = 4  # on a line, to be seen as a label and its series


def has_rows_of_numbers(file: FilePath) -> bool:
    """Whether a file is like UCR's NAME_TRAIN.tsv: a label and a series of numbers on each line."""
    path = Path(str(file).removesuffix(".gz"))
    if path.suffix.lower() not in ROW_ENDINGS or not Path(file).is_file():
        return False
    first = next((line for line in iterate_lines(file) if line.strip()), "")
    spaces = re.search(r"_(TRAIN|TEST)$", path.stem) is not None
    words = split_row(first, spaces=spaces)
    return len(words) >= FEWEST_NUMBERS and all(is_value(word) for word in words)


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
        InputError: with the line: a value that is no finite number, a label without a series.
    """
    for number, line in enumerate(iterate_lines(file), start=1):
        if not line.strip():
            continue
        where = f"{display_path(file)}:{number}"
        label, *words = split_row(line)
        values = parse_dimension(trim_missing([",".join(words)])[0], where, 1)
        if not values:
            raise InputError(f"{where}: a label without a series")
        label = label.strip()
        label = format_label(float(label)) if label and is_value(label) else format_label(label)
        yield LabelledSeries(np.array(values, dtype=np.float32)[:, None], label, where)
