"""Rows of numbers, images and series from tables, .npz and .ts: inputs without labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ostinato.data.files.npz import is_npz, list_arrays, load_arrays
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import read_table
from ostinato.data.files.wording import display_path, quote
from ostinato.data.series.rows_of_numbers import is_value
from ostinato.data.series.series import is_series, read_series
from ostinato.errors import InputError
from ostinato.notices import notify

IMAGES = "images"  # the name of an array [N, H, W] or [N, H, W, C] of an .npz
LARGEST = float(np.finfo(np.float32).max)


class Vector(NamedTuple):
    """One input.

    Attributes:
        values: [T, D] of float32; T is 1 for what is no sequence.
        where: Its place for messages.
        shape: Of an image: (H, W) or (H, W, C), D of them in all; else ().
        sequence: Whether it is a sequence.
    """

    values: np.ndarray
    where: str = ""
    shape: tuple[int, ...] = ()
    sequence: bool = False


def read_vectors(file: FilePath, *, training: bool = False) -> Iterator[Vector]:
    """The inputs of a file:

        a table (CSV, TSV, JSONL, Parquet)  one a row, of its columns of numbers
        .npz    X [N, D]                    one a row
                images [N, H, W(, C)]       one an image
                X [N, T, D], lengths [N]    sequences
        .ts                                 sequences

    Raises:
        InputError: With the place: no numbers, a value that is not finite, nothing to read.
    """
    if not is_npz(file):
        if is_series(file):
            for series in read_series(file, training=training):
                yield Vector(series.values, series.where, sequence=True)
            return
        yield from read_rows(file)
        return
    arrays = load_arrays(file, ("X", IMAGES, "lengths"), training=training)
    images = arrays.get(IMAGES)
    rows = images if images is not None else arrays.get("X")
    if rows is None:
        raise InputError(
            f"{display_path(file)}: no array 'X' or 'images' among {list_arrays(file)}; expected "
            "X [N, D], X [N, T, D] or images [N, H, W]"
        )
    if images is None and (rows.ndim == 3 or "lengths" in arrays):
        for series in read_series(file, training=training):
            yield Vector(series.values, series.where, sequence=True)
        return
    if rows.dtype.kind not in "fiub" or rows.ndim < 2 or (images is not None and rows.ndim < 3):
        raise InputError(
            f"{display_path(file)}: expected numbers X [N, D], X [N, T, D] or images [N, H, W]; "
            f"got {rows.dtype} of shape {list(rows.shape)}"
        )
    shape = rows.shape[1:] if rows.ndim > 2 else ()
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        flat = rows.reshape(len(rows), -1).astype(np.float32)
    for number, row in enumerate(flat, start=1):
        where = f"{display_path(file)}: row {number}"
        yield Vector(check_finite(row[None], where), where, shape)


def check_finite(values: np.ndarray, where: str) -> np.ndarray:
    """The values. Raises InputError for one that is not finite."""
    if not np.isfinite(values).all():
        place = int(np.argwhere(~np.isfinite(values))[0][-1]) + 1
        raise InputError(
            f"{where}: value {place} is not a finite number; fill it in or remove the row"
        )
    return values


def read_rows(file: FilePath) -> Iterator[Vector]:
    """The rows of a table; columns whose first value is not a number are left out, with a
    notice.
    """
    columns: list[str] | None = None
    for row in read_table(file, ()):
        where = f"{display_path(file)}:{row.line}"
        if columns is None:
            columns = [name for name, value in row.values.items() if is_number(value)]
            others = [name for name in row.values if name not in columns]
            if not columns:
                raise InputError(
                    f"{where}: no column of numbers among {', '.join(map(quote, others[:10]))}"
                )
            if others:
                notify(f"{display_path(file)}: left out, as no numbers: {', '.join(others[:10])}")
        values = [parse_number(row.values[name], f"{where}: {name}") for name in columns]
        yield Vector(np.array([values], dtype=np.float32), where)


def is_number(value: object) -> bool:
    """Whether a field of a table is a finite number."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (
        isinstance(value, str) and bool(value.strip()) and is_value(value.strip())
    )


def parse_number(value: object, where: str) -> float:
    """The number in a field. Raises InputError for another thing."""
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if not abs(number) <= LARGEST:  # NaN, too
        raise InputError(
            f"{where}: {quote(str(value), 40)} is not a finite number; fill it in or remove the row"
        )
    return number


def require_alike(records: Sequence[Vector]) -> None:
    """Raises InputError for records of different kinds or sizes."""
    first = records[0]
    for record in records:
        if record.sequence != first.sequence:
            raise InputError(f"{record.where}: sequences and single rows cannot be mixed")
        if record.values.shape[1] != first.values.shape[1]:
            raise InputError(
                f"{record.where}: {record.values.shape[1]:,} values, but the first has "
                f"{first.values.shape[1]:,}"
            )
