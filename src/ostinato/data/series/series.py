"""Series of numbers with labels: UCR/UEA archives' `.ts` files, and `.npz` files of plain arrays.

Rows and series are counted from 1 in messages, as lines are."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.npz import (
    format_label,
    is_npz,
    list_arrays,
    load_arrays,
    name_labels,
    split_series,
    trim_padding,
)
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path, pluralise, quote
from ostinato.errors import InputError, nearest, option_name
from ostinato.notices import notify

ARRAYS = ("X", "y", "lengths", "labels")
MISSING = ("?", "", "nan")  # what archives pad shorter series with
ROW_ENDINGS = (".tsv", ".txt", ".csv", ".data", ".tab")
FEWEST_NUMBERS = 4  # on a line, to be seen as a label and its series
FEW_STEPS, MANY_TIMES = 64, 2  # of so few steps, so many times more numbers look like time


class Series(NamedTuple):
    """A labelled series.

    Attributes:
        values: [T, D] of float32.
        label: "" where there is none.
        where: its place for messages: "train.ts:17".
    """

    values: np.ndarray
    label: str
    where: str


def is_series(file: FilePath) -> bool:
    """Whether a file's name says that it holds series: is_series("train.ts.gz") -> True"""
    return is_npz(file) or Path(str(file).removesuffix(".gz")).suffix.lower() == ".ts"


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


def read_rows_of_numbers(file: FilePath) -> Iterator[Series]:
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
        yield Series(np.array(values, dtype=np.float32)[:, None], label, where)


def read_series(file: FilePath, *, training: bool = False, time_axis: int = 1) -> Iterator[Series]:
    """The series of a .ts, .npz or UCR file, all of as many dimensions, of finite numbers only.

    Args:
        file: as its name says, or else rows of numbers.
        training: which of X_train and X_test is read of an .npz that has both.
        time_axis: of X in an .npz: 1 for [N, T, D], 2 for [N, D, T].
    """
    if is_npz(file):
        return read_npz(file, training=training, time_axis=time_axis)
    return read_ts(file) if is_series(file) else read_rows_of_numbers(file)


def read_ts(file: FilePath) -> Iterator[Series]:
    """The series of a `.ts` file, which may differ in length.

    A line has dimensions between ":", each of values between ",", and the label last.

    Raises:
        InputError: with the line: a value that is no finite number, dimensions of differing length
            or number, a label that the header does not name, time stamps, a regression target.
    """
    lines = enumerate(iterate_lines(file), start=1)
    header = read_header(lines, file)
    labelled, *names = header.get("classlabel") or ["false"]
    dimensions = (header.get("dimensions") or [""])[0]
    wanted = int(dimensions) if dimensions.isdecimal() and len(dimensions) < 10 else None
    for number, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{display_path(file)}:{number}"
        parts = line.strip().split(":")
        label = parts.pop().strip() if labelled.lower() == "true" else ""
        if label not in names and names and labelled.lower() == "true":
            raise InputError(
                f"{where}: the label {quote(label)} is not among those of @classLabel"
                f"{nearest(label, names)}"
            )
        values = [
            parse_dimension(part, where, place)
            for place, part in enumerate(trim_missing(parts), start=1)
        ]
        if not any(values):
            raise InputError(f"{where}: a label without a series")
        wanted = wanted or len(values)
        if len(values) != wanted:
            raise InputError(
                f"{where}: {len(values)} {pluralise('dimension', len(values))}, "
                f"expected {wanted}, as of every series"
            )
        lengths = [len(row) for row in values]
        if len(set(lengths)) > 1:
            listed = ", ".join(map(str, lengths[:20]))
            raise InputError(
                f"{where}: dimensions of differing length ({listed}); "
                "each step needs a value of each"
            )
        yield Series(np.array(values, dtype=np.float32).T, label, where)


def read_header(lines: Iterator[tuple[int, str]], file: FilePath) -> dict[str, list[str]]:
    """{"classlabel": ["true", "a", "b"], ...}, up to @data."""
    header: dict[str, list[str]] = {}
    number = 0
    for number, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith("@"):
            raise InputError(
                f"{display_path(file)}:{number}: expected a header line such as @classLabel, "
                f"or @data; got {quote(line, 40)}"
            )
        name, *words = line[1:].split() or [""]
        if name.lower() == "data":
            break
        header[name.lower()] = words
    else:
        raise InputError(
            f"{display_path(file)}:{number}: no @data line; "
            "is it a .ts file of the UCR/UEA archives?"
        )
    if [word.lower() for word in header.get("timestamps", [])[:1]] == ["true"]:
        raise InputError(
            f"{display_path(file)}: series with time stamps; "
            "write equally spaced values without them"
        )
    if [word.lower() for word in header.get("targetlabel", [])[:1]] == ["true"]:
        raise InputError(
            f"{display_path(file)}: has numbers to predict (@targetLabel), "
            "not classes (@classLabel)"
        )
    return header


def trim_missing(dimensions: list[str]) -> list[str]:
    """Dimensions without the steps at their ends whose values are missing in all of them.

    trim_missing(["1,2,?", "3,4,?"]) -> ["1,2", "3,4"]"""
    rows = [dimension.split(",") for dimension in dimensions]
    if len({len(row) for row in rows}) == 1:
        while rows[0] and all(row[-1].strip().lower() in MISSING for row in rows):
            for row in rows:
                row.pop()
    return [",".join(row) for row in rows]


def parse_dimension(text: str, where: str, dimension: int) -> list[float]:
    """parse_dimension("0.5,1", ...) -> [0.5, 1.0]; InputError for what float32 cannot hold."""
    values = []
    for step, word in enumerate(text.split(",") if text else (), start=1):
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not abs(value) <= np.finfo(np.float32).max:  # NaN, too
            what = "a missing value" if word.strip() in ("?", "") else quote(word.strip(), 40)
            raise InputError(
                f"{where}: dimension {dimension}, step {step}: {what} is not a finite number; "
                "fill it in or remove the series"
            )
        values.append(value)
    return values


def read_npz(file: FilePath, *, training: bool = False, time_axis: int = 1) -> Iterator[Series]:
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
        yield Series(one, label, where)


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
    labels = arrays["y"]
    if labels.shape != (number,):
        raise InputError(
            f"{display_path(file)}: y has shape {labels.shape} for {number:,} series; "
            "expected one label for each"
        )
    return name_labels(labels, arrays.get("labels"), file)


def as_series(value: Any, where: str = "the input") -> np.ndarray:
    """What a Python caller, or a line of JSON, gives as a series, as an array.

    Args:
        value: [T, D] or [T] of finite numbers.
        where: its place for messages.

    Returns:
        float32 [T, D].

    Raises:
        InputError: no numbers, another shape, NaN or infinite.
    """
    try:
        with np.errstate(over="ignore"):
            values = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"{where}: frames of differing shape, or no numbers; "
            "expected a list of frames of equal length"
        ) from None
    if values.ndim not in (1, 2) or not values.size:
        raise InputError(
            f"{where}: expected numbers [T, D] with at least one step; got shape {values.shape}"
        )
    values = values.reshape(len(values), -1)
    if not np.isfinite(values).all():
        step, dimension = (int(index) + 1 for index in np.argwhere(~np.isfinite(values))[0])
        value = values[step - 1, dimension - 1]
        raise InputError(
            f"{where}: step {step}, dimension {dimension}: {value} is not a finite number; "
            "fill it in"
        )
    return values


def parse_series(line: str, where: str) -> np.ndarray:
    """A series on a line of JSON: "[[0.1, 2.0], [0.3, 1.5]]" -> [2, 2]"""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):  # ValueError: no JSON, or a number of 4,300 digits
        raise InputError(
            f"{where}: not JSON; this model reads series, a list of frames a line, "
            "or .ts and .npz files"
        ) from None
    return as_series(value, where)
