"""Labelled series in `.npz` files of plain arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ostinato.data.files.npz import (
    flatten_labels,
    list_arrays,
    load_arrays,
    name_labels,
    split_series,
    trim_padding,
)
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path
from ostinato.data.series.labelled_series import LabelledSeries
from ostinato.errors import InputError, option_name
from ostinato.notices import notify

ARRAYS = ("X", "y", "lengths", "labels")


FEW_STEPS, MANY_TIMES = 64, 2  # of so few steps, so many times more numbers look like time


def read_series_arrays(
    file: FilePath, *, training: bool = False, time_axis: int = 1
) -> Iterator[LabelledSeries]:
    """The series of an `.npz` file of plain arrays; pickled objects are refused unread.

        X        [N, T, D] or [N, T], or with `time_axis` 2 [N, D, T]; or all series concatenated,
                 [sum of lengths, D]
        lengths  [N], the number of real steps of each (default: all but those at the end that are
                 NaN)
        y        [N], labels: text, or numbers, which `labels` [C] may name

    Raises:
        InputError: such an array missing or of another shape, NaN or infinite (with series, step
            and dimension).
    """
    arrays = load_arrays(file, ARRAYS, training=training)
    if "X" not in arrays:
        raise InputError(
            f"{display_path(file)}: no array 'X' among {list_arrays(file)}; "
            "expected X [N, T, D], y [N], perhaps lengths [N]"
        )
    values, lengths = arrays["X"], arrays.get("lengths")
    if values.dtype.kind not in "fiub" or values.ndim < 2:
        raise InputError(
            f"{display_path(file)}: X must be numbers [N, T, D]; "
            f"got {values.dtype} of shape {values.shape}"
        )
    if time_axis == 2:
        if values.ndim != 3:
            raise InputError(
                f"{display_path(file)}: {option_name('time_axis')} 2 needs X [N, D, T]; "
                f"got shape {list(values.shape)}"
            )
        values = values.swapaxes(1, 2)
    elif values.ndim == 3 and lengths is None:
        ask_for_time_axis(values.shape, file)
    series = split_series(values, lengths, file)
    if lengths is None:
        series = trim_padding(series, file)
    labels = read_labels(arrays, len(series), file)
    for number, (one, label) in enumerate(zip(series, labels, strict=True), start=1):
        where = f"{display_path(file)}: series {number}"
        if not len(one) or not one.size:
            raise InputError(f"{where}: has no steps; remove it")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            one = np.asarray(one, dtype=np.float32).reshape(len(one), -1)
        if not np.isfinite(one).all():
            step, dimension = (int(index) + 1 for index in np.argwhere(~np.isfinite(one))[0])
            raise InputError(
                f"{where}, step {step}, dimension {dimension}: {one[step - 1, dimension - 1]} "
                "is not a finite number; fill it in or remove the series"
            )
        yield LabelledSeries(one, label, where)


def ask_for_time_axis(shape: tuple[int, ...], file: FilePath) -> None:
    """Says it where series have far more numbers than steps: the axes may be the other way
    round.
    """
    number, steps, size = shape
    if steps <= FEW_STEPS and size >= MANY_TIMES * steps and size > 1:
        notify(
            f"{display_path(file)}: {number:,} series of {steps} steps of {size} numbers: other "
            f"way round? then {option_name('time_axis')} 2"
        )


def read_labels(arrays: dict[str, np.ndarray], number: int, file: FilePath) -> list[str]:
    """The label of each of `number` series, "" where the file has none."""
    if "y" not in arrays:
        return [""] * number
    labels = flatten_labels(arrays["y"], number, file)
    if labels.shape != (number,):
        raise InputError(
            f"{display_path(file)}: y has shape {labels.shape} for {number:,} series; "
            "expected one label for each"
        )
    return name_labels(labels, arrays.get("labels"), file)
