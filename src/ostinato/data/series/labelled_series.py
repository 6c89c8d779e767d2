"""A labelled series, and what Python or a line of JSON gives as one."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np

from ostinato.errors import InputError


class LabelledSeries(NamedTuple):
    """A labelled series.

    Attributes:
        values: [T, D] of float32.
        label: "" where there is none.
        where: its place for messages: "train.ts:17".
    """

    values: np.ndarray
    label: str
    where: str


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
