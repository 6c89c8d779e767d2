"""Record values: the values in examples given in Python, as plain values and as JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from ostinato.commands.run.record_rows import EXPECTED, as_numpy
from ostinato.errors import InputError


def write_text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8", errors="surrogatepass", newline="\n")
    return path


def format_json(value: Any, part: str) -> str:
    """JSON of values with those of NumPy; InputError for what JSON does not have."""
    try:
        return json.dumps(value, ensure_ascii=False, default=json_value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{part}: {EXPECTED}; {error}") from None


def format_json_lines(rows: Sequence[Any], part: str) -> str:
    """A line of JSON for each row."""
    return "".join(
        f"{format_json(row, f'{part}:{number}')}\n" for number, row in enumerate(rows, start=1)
    )


def json_value(value: Any) -> Any:
    """What stands in JSON for a value that it does not have."""
    found = plain_value(as_numpy(value))
    if found is value or isinstance(found, np.ndarray):
        if hasattr(found, "tolist"):
            return found.tolist()
        if hasattr(found, "isoformat"):
            return found.isoformat()
        if isinstance(found, os.PathLike):
            return os.fspath(found)
        raise TypeError(f"got a {type(value).__name__}")
    return found


def plain_value(value: Any) -> Any:
    """Converts NumPy scalars to Python values, and missing values to NaN, for JSON."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUS":
        return value.tolist()
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value


def is_list(value: Any) -> TypeGuard[Iterable[Any]]:
    """Whether a value is a list or an array."""
    return isinstance(value, (list, tuple)) or (
        hasattr(value, "tolist") and not isinstance(value, np.generic)
    )


def is_flat(values: Any) -> bool:
    """Whether values are numbers, the one series of a task that may be given several."""
    return is_array(list(values[:1])) and not is_list(values[0])


def is_array(value: Any) -> bool:
    """Whether a value is an array of numbers, or nested lists of them."""
    value = as_numpy(value)
    if hasattr(value, "dtype"):
        return np.asarray(value).dtype.kind in "fiub" and np.asarray(value).ndim > 0
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (int, float)) and not isinstance(value, bool)
