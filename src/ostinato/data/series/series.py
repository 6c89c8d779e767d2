"""Series of numbers with labels: UCR/UEA archives' `.ts` files, and `.npz` files of plain arrays.

Rows and series are counted from 1 in messages, as lines are."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.npz import is_npz, load_arrays, name_labels, split_series
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path, pluralise, quote
from ostinato.errors import InputError, nearest

ARRAYS = ("X", "y", "lengths", "labels")


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


def read_series(file: FilePath) -> Iterator[Series]:
    """The series of a .ts or .npz file, all of as many dimensions, of finite numbers only."""
    return read_npz(file) if is_npz(file) else read_ts(file)


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
        values = [parse_dimension(part, where, place) for place, part in enumerate(parts, start=1)]
        if not values:
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


def parse_dimension(text: str, where: str, dimension: int) -> list[float]:
    """parse_dimension("0.5,1", ...) -> [0.5, 1.0]; InputError for what float32 cannot hold."""
    values = []
    for step, word in enumerate(text.split(","), start=1):
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


def read_npz(file: FilePath) -> Iterator[Series]:
    """The series of an `.npz` file of plain arrays; pickled objects are refused unread.

        X        [N, T, D] or [N, T]; or all series concatenated, [sum of lengths, D]
        lengths  [N], the number of real steps of each (default: all)
        y        [N], labels: text, or numbers, which `labels` [C] may name

    Raises:
        InputError: such an array missing or of another shape, NaN or infinite (with series, step
            and dimension).
    """
    arrays = load_arrays(file, ARRAYS)
    if "X" not in arrays:
        raise InputError(
            f"{display_path(file)}: no array 'X' among {', '.join(arrays) or 'none'}; "
            "expected X [N, T, D], y [N], perhaps lengths [N]"
        )
    values, lengths = arrays["X"], arrays.get("lengths")
    if values.dtype.kind not in "fiub" or values.ndim < 2:
        raise InputError(
            f"{display_path(file)}: X must be numbers [N, T, D]; "
            f"got {values.dtype} of shape {values.shape}"
        )
    series = split_series(values, lengths, file)
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
