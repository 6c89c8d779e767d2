"""Series of numbers with labels: files of the UCR/UEA archives, and `.npz` files of plain arrays.

Rows and series are counted from 1 in messages, as lines are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ostinato.data.files.npz import (
    is_npz,
)
from ostinato.data.files.streams import FilePath
from ostinato.data.series.arff_file import is_arff, read_arff_file
from ostinato.data.series.labelled_series import LabelledSeries
from ostinato.data.series.rows_of_numbers import read_rows_of_numbers
from ostinato.data.series.series_arrays import read_series_arrays
from ostinato.data.series.ts_file import read_ts_file


def is_series(file: FilePath) -> bool:
    """Whether a file's name says that it holds series: is_series("train.ts.gz") -> True"""
    return (
        is_npz(file) or is_arff(file) or Path(str(file).removesuffix(".gz")).suffix.lower() == ".ts"
    )


def read_series(
    file: FilePath, *, training: bool = False, time_axis: int = 1
) -> Iterator[LabelledSeries]:
    """The series of a .ts, .arff, .npz or UCR file, of as many dimensions, of finite numbers only.

    Args:
        file: as its name says, or else rows of numbers.
        training: which of X_train and X_test is read of an .npz that has both.
        time_axis: of X in an .npz: 1 for [N, T, D], 2 for [N, D, T].
    """
    if is_npz(file):
        return read_series_arrays(file, training=training, time_axis=time_axis)
    if is_arff(file):
        return read_arff_file(file)
    return read_ts_file(file) if is_series(file) else read_rows_of_numbers(file)
