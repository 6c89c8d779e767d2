"""Series of numbers with labels: UCR/UEA archives' `.ts` files, and `.npz` files of plain arrays.

Rows and series are counted from 1 in messages, as lines are."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.files.lines import FilePath, cannot_open, iterate_lines
from ostinato.data.files.wording import display_path, pluralise
from ostinato.errors import InputError, nearest

LARGEST = (
    8 << 30
)  # bytes of one array: more than fits is more often a damaged or a hostile header than a data set
ARRAYS = ("X", "y", "lengths", "labels")


class Series(NamedTuple):
    """values [T, D] of float32, the label ("" where there is none), and where it stands: "train.ts:17"."""

    values: np.ndarray
    label: str
    where: str


def is_series(file: FilePath) -> bool:
    """Whether a file's name says that it holds series: is_series("train.ts.gz") -> True"""
    return Path(str(file).removesuffix(".gz")).suffix.lower() in (".ts", ".npz")


def read_series(file: FilePath) -> Iterator[Series]:
    """The series of a .ts or .npz file, all with the same number of dimensions, of finite numbers only."""
    return read_npz(file) if Path(file).suffix.lower() == ".npz" else read_ts(file)


def read_ts(file: FilePath) -> Iterator[Series]:
    """The series of a `.ts` file: dimensions separated by ":", values by ",", the label last. Lengths may differ.

    InputError, with the line: a value that is no finite number, dimensions of differing length or number, a label that
    the header does not name, time stamps, a regression target."""
    lines = enumerate(iterate_lines(file), start=1)
    header = read_header(lines, file)
    names = (
        header["classlabel"][1:]
        if header.get("classlabel", ["false"])[0].lower() == "true"
        else None
    )
    wanted = int(header["dimensions"][0]) if header.get("dimensions", [""])[0].isdigit() else None
    for number, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{display_path(file)}:{number}"
        parts = line.strip().split(":")
        label = parts.pop().strip() if names is not None else ""
        if names and label not in names:
            raise InputError(
                f"{where}: the label {label!r} is not among those of @classLabel{nearest(label, names)}"
            )
        values = [one_dimension(part, where, place) for place, part in enumerate(parts, start=1)]
        if not values:
            raise InputError(f"{where}: a label without a series")
        wanted = wanted or len(values)
        if len(values) != wanted:
            raise InputError(
                f"{where}: {len(values)} {pluralise('dimension', len(values))}, expected {wanted}, as of every series"
            )
        lengths = [len(row) for row in values]
        if len(set(lengths)) > 1:
            raise InputError(
                f"{where}: dimensions of differing length ({', '.join(map(str, lengths))}); each step needs a value of each"
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
                f"{display_path(file)}:{number}: expected a header line such as @classLabel, or @data; got {line[:40]!r}"
            )
        name, *words = line[1:].split()
        if name.lower() == "data":
            break
        header[name.lower()] = words
    else:
        raise InputError(
            f"{display_path(file)}:{number}: no @data line; is it a .ts file of the UCR/UEA archives?"
        )
    if header.get("timestamps", ["false"])[0].lower() == "true":
        raise InputError(
            f"{display_path(file)}: series with time stamps; write equally spaced values without them"
        )
    if header.get("targetlabel", ["false"])[0].lower() == "true":
        raise InputError(
            f"{display_path(file)}: has numbers to predict (@targetLabel), not classes (@classLabel)"
        )
    return header


def one_dimension(text: str, where: str, dimension: int) -> list[float]:
    values = []
    for step, word in enumerate(text.split(","), start=1):
        try:
            values.append(float(word))
        except ValueError:
            values.append(math.nan)
        if not math.isfinite(values[-1]):
            what = "a missing value" if word.strip() in ("?", "") else f"{word.strip()[:40]!r}"
            raise InputError(
                f"{where}: dimension {dimension}, step {step}: {what} is not a finite number; fill it in or remove the series"
            )
    return values


def read_npz(file: FilePath) -> Iterator[Series]:
    """The series of an `.npz` file of plain arrays; one that holds pickled objects is refused unread.

        X        [N, T, D] or [N, T]; or all series one after another, [sum of lengths, D]
        lengths  [N], how many steps of each are real (default: all)
        y        [N], labels: text, or numbers, which `labels` [C] may name

    InputError: such an array missing or of another shape, NaN or infinite (with series, step and dimension)."""
    arrays = load_arrays(file)
    if "X" not in arrays:
        raise InputError(
            f"{display_path(file)}: no array 'X' among {', '.join(arrays) or 'none'}; "
            "expected X [N, T, D], y [N], perhaps lengths [N]"
        )
    values, lengths = arrays["X"], arrays.get("lengths")
    if values.dtype.kind not in "fiub" or values.ndim < 2:
        raise InputError(
            f"{display_path(file)}: X must be numbers [N, T, D]; got {values.dtype} of shape {values.shape}"
        )
    series = cut(values, lengths, file)
    labels = labels_of(arrays, len(series), file)
    for number, (one, label) in enumerate(zip(series, labels, strict=True), start=1):
        where = f"{display_path(file)}: series {number}"
        if not len(one) or not one.size:
            raise InputError(f"{where}: has no steps; remove it")
        one = np.asarray(one, dtype=np.float32).reshape(len(one), -1)
        if not np.isfinite(one).all():
            step, dimension = (int(place) + 1 for place in np.argwhere(~np.isfinite(one))[0])
            raise InputError(
                f"{where}, step {step}, dimension {dimension}: {one[step - 1, dimension - 1]} is not a finite number; "
                "fill it in or remove the series"
            )
        yield Series(one, label, where)


def cut(
    values: np.ndarray, lengths: np.ndarray | None, file: FilePath, *, name: str = "X"
) -> list[np.ndarray]:
    """X (or what else it is called) as one array a series, without its padding."""
    if lengths is None:
        return list(values)
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
        raise InputError(
            f"{display_path(file)}: lengths must be whole numbers [N]; got {lengths.dtype} of shape {lengths.shape}"
        )
    total = int(lengths.sum())
    if total == len(values) and len(lengths) != len(values):  # one after another
        return np.split(values, np.cumsum(lengths)[:-1])
    if len(lengths) != len(values):
        raise InputError(
            f"{display_path(file)}: {len(lengths):,} lengths for {len(values):,} rows of {name}; "
            f"expected one a series, or {name} of {total:,} rows, one series after another"
        )
    if int(lengths.max(initial=0)) > values.shape[1]:
        number = int(lengths.argmax())
        raise InputError(
            f"{display_path(file)}: series {number + 1} has length {lengths[number]}, but {name} only {values.shape[1]} steps"
        )
    return [row[:length] for row, length in zip(values, lengths, strict=True)]


def labels_of(arrays: dict[str, np.ndarray], number: int, file: FilePath) -> list[str]:
    if "y" not in arrays:
        return [""] * number
    labels = arrays["y"]
    if labels.shape != (number,):
        raise InputError(
            f"{display_path(file)}: y has shape {labels.shape} for {number:,} series; expected one label for each"
        )
    return named(labels, arrays.get("labels"), file)


def load_arrays(file: FilePath, wanted: Sequence[str] = ARRAYS) -> dict[str, np.ndarray]:
    """The `wanted` arrays of an .npz by name, its headers checked before anything is read: no objects, no absurd sizes."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = [
                info.filename
                for info in archive.infolist()
                if info.filename.removesuffix(".npy") in wanted
            ]
            for name in names:
                check_header(archive, name, file)
        with np.load(file, allow_pickle=False) as opened:
            arrays = {
                name.removesuffix(".npy"): opened[name.removesuffix(".npy")] for name in names
            }
    except FileNotFoundError as error:
        raise InputError(cannot_open(file, error)) from None
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{display_path(file)}: not a readable .npz file ({str(error).splitlines()[0]}); copy it again"
        ) from None
    if "y" in arrays:
        check_labels(arrays["y"], file)
    return arrays


def check_labels(y: np.ndarray, file: FilePath) -> None:
    """Raises InputError for a label that is no number, though all are numbers."""
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        place = np.argwhere(~np.isfinite(y))[0]
        raise InputError(
            f"{display_path(file)}: y: the label at {(place + 1).tolist()} is {y[tuple(place)]}; label it or remove its series"
        )


def written(label: Any) -> str:
    """A label as text: 1.0 is "1", 1.5 "1.5", "happy  birthday" "happy birthday"."""
    whole = isinstance(label, float) and label.is_integer()
    return " ".join(str(int(label) if whole else label).split())


def named(y: np.ndarray, names: np.ndarray | None, file: FilePath) -> list[str]:
    """Labels as text: whole numbers by their names, where there are names."""
    if names is None or not (
        y.dtype.kind in "iu" or (y.dtype.kind == "f" and (y == np.rint(y)).all())
    ):
        return [written(label) for label in y.tolist()]
    if y.size and not 0 <= y.min() <= y.max() < len(names):
        raise InputError(
            f"{display_path(file)}: y has the number {written(float(y.max() if y.min() >= 0 else y.min()))}, but there are "
            f"{len(names)} labels, from 0"
        )
    return [str(names[int(label)]) for label in y.tolist()]


def check_header(archive: zipfile.ZipFile, name: str, file: FilePath) -> None:
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, kind = read(stream)
    array = name.removesuffix(".npy")
    if kind.hasobject:
        remedy = (
            "save labels as text or as whole numbers"
            if array in ("y", "labels", "label_names")
            else "save series of differing length padded, X [N, T, D], with lengths [N]"
        )
        raise InputError(
            f"{display_path(file)}: refused: {array!r} holds Python objects, which could execute code when read; {remedy}"
        )
    size = math.prod(shape) * kind.itemsize
    if size > LARGEST:
        raise InputError(
            f"{display_path(file)}: refused: {array!r} claims {size / 2**30:,.0f} GiB; split the file"
        )


def as_series(value: Any, where: str = "the input") -> np.ndarray:
    """What a Python caller, or a line of JSON, gives as a series: [T, D] or [T] of finite numbers -> float32 [T, D]."""
    try:
        values = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        raise InputError(
            f"{where}: frames of differing shape, or no numbers; expected a list of frames of equal length"
        ) from None
    if values.ndim not in (1, 2) or not values.size:
        raise InputError(
            f"{where}: expected numbers [T, D] with at least one step; got shape {values.shape}"
        )
    values = values.reshape(len(values), -1)
    if not np.isfinite(values).all():
        step, dimension = (int(place) + 1 for place in np.argwhere(~np.isfinite(values))[0])
        value = values[step - 1, dimension - 1]
        raise InputError(
            f"{where}: step {step}, dimension {dimension}: {value} is not a finite number; fill it in"
        )
    return values


def series_of_line(line: str, where: str) -> np.ndarray:
    """A series on a line of JSON: "[[0.1, 2.0], [0.3, 1.5]]" -> [2, 2]"""
    try:
        return as_series(json.loads(line), where)
    except (json.JSONDecodeError, RecursionError):
        raise InputError(
            f"{where}: not JSON; this model reads series, a list of frames a line, or .ts and .npz files"
        ) from None
