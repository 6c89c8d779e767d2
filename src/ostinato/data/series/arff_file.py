"""Labelled series in the `.arff` files of the UCR and UEA archives.

A row has the values of one dimension and the label last; or, in quotes, its dimensions between the
two characters \\n, then the label."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.npz import format_label
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path, pluralise, quote
from ostinato.data.series.labelled_series import LabelledSeries
from ostinato.data.series.ts_file import parse_dimension, trim_missing
from ostinato.errors import InputError

DIMENSIONS = re.compile(r"""(?:'([^']*)'|"([^"]*)"),(.+)""")  # in quotes, before the label


def is_arff(file: FilePath) -> bool:
    """Whether a file's name says that it is ARFF: is_arff("Gun_TRAIN.arff.gz") -> True"""
    return Path(str(file).removesuffix(".gz")).suffix.lower() == ".arff"


def read_arff_file(file: FilePath) -> Iterator[LabelledSeries]:
    """The series of a file; missing values (?) at their ends are padding.

    Raises:
        InputError: with the line: no @data, a row without a label, a value that is no finite
            number, dimensions of differing length or number.
    """
    data, number, first = False, 0, 0
    for number, line in enumerate(iterate_lines(file), start=1):
        line, where = line.strip(), f"{display_path(file)}:{number}"
        if not line or line.startswith("%"):
            continue
        if not data:
            data = line.lower() == "@data"
            if not line.startswith("@"):
                raise InputError(f"{where}: expected a line such as @attribute; got {quote(line)}")
            continue
        several = DIMENSIONS.fullmatch(line)
        if several is not None:
            texts, label = (several[1] or several[2] or "").split("\\n"), several[3]
        else:
            text, _, label = line.rpartition(",")
            texts = [text]
        values = [
            parse_dimension(text, where, place)
            for place, text in enumerate(trim_missing(texts), start=1)
        ]
        if not all(values):
            raise InputError(f"{where}: a label without a series; values are separated by commas")
        if len({len(row) for row in values}) > 1 or len(values) != (first or len(values)):
            raise InputError(
                f"{where}: {len(values)} {pluralise('dimension', len(values))} of "
                f"{' and '.join(str(len(row)) for row in values[:3])} steps; all series need as "
                "many dimensions, and all dimensions of one as many steps"
            )
        first = len(values)
        label = format_label(label.strip().strip("'\""))
        yield LabelledSeries(np.array(values, dtype=np.float32).T, label, where)
    if not data:
        raise InputError(f"{display_path(file)}:{number}: no @data line; is it an .arff file?")
