"""Record rows: the examples in a list, an iterable, arrays, a DataFrame or a dataset, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ostinato.errors import InputError

EXPECTED = (
    "expected a list of files, or of examples: pairs, dicts, a DataFrame, a Hugging Face dataset"
)
TIMES = ("DatetimeIndex", "PeriodIndex", "MultiIndex")  # indexes of pandas with the times


def list_rows(value: Any, part: str, *, pairs: bool = False) -> list[Any]:
    """The examples of a list, an iterable, columns, a DataFrame or a Hugging Face dataset.

    list_rows({"text": ["a", "b"], "label": [0, 1]}, "train")
    -> [{"text": "a", "label": 0}, {"text": "b", "label": 1}]

    Args:
        value: the examples.
        part: train, dev or test, for messages.
        pairs: whether an example is a pair, so that a tuple of two lists is its columns (X, y).

    Raises:
        InputError: no examples, a dataset of several parts, columns of differing length.
    """
    names = getattr(value, "column_names", None)
    if isinstance(value, Mapping) and isinstance(names, Mapping):
        splits = ", ".join(map(repr, value))
        raise InputError(f"{part}: a dataset of several parts ({splits}); give one of them")
    if isinstance(names, list) and hasattr(value, "features"):
        return [name_classes(dict(row), value.features) for row in value]
    if isinstance(names, list) and hasattr(value, "to_pylist"):  # pyarrow
        return value.to_pylist()
    if hasattr(value, "collect_schema") and hasattr(value, "collect"):  # polars' lazy frame
        value = value.collect()
    if hasattr(value, "columns") and hasattr(value, "to_dicts"):  # polars
        return value.to_dicts()
    if hasattr(value, "to_frame") and type(getattr(value, "index", None)).__name__ in TIMES:
        value = value.to_frame(value.name or "y")  # a Series of pandas with times
    if hasattr(value, "columns") and hasattr(value, "to_dict"):  # pandas
        if type(getattr(value, "index", None)).__name__ in TIMES:
            value = value.reset_index()  # an index of times, as in statsmodels and neuralforecast
            value = value.rename(columns={"index": "ds"})
        return value.to_dict("records")
    if isinstance(value, Mapping):
        for name, column in value.items():
            if isinstance(column, (str, bytes)) or not isinstance(column, Iterable):
                raise InputError(f"{part}: {EXPECTED}; the column {name!r:.40} is {column!r:.60}")
        columns = {name: list(column) for name, column in value.items()}
        if len({len(column) for column in columns.values()}) > 1:
            raise InputError(f"{part}: columns of differing length")
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if isinstance(value, tuple) and len(value) == 2:
        first, second = map(as_numpy, value)
        if hasattr(first, "shape") or (pairs and are_columns(first, second)):  # (X, y)
            return join_columns(first, second, part)
    value = as_numpy(value)
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        raise InputError(f"{part}: {EXPECTED}; got {value!r:.60}")
    return list(value)


def as_numpy(value: Any) -> Any:
    """A tensor of PyTorch as an array of NumPy; anything else as it is."""
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def are_columns(first: Any, second: Any) -> bool:
    """Whether a tuple of two is a column of inputs and one of targets, and not two examples.

    Two lists of two values each may be two pairs; they are taken for that."""
    if not all(
        isinstance(each, Sequence) and not isinstance(each, str) for each in (first, second)
    ):
        return False
    return len(first) == len(second) != 2


def join_columns(first: Any, second: Any, part: str) -> list[Any]:
    """The pairs of two columns, X [N, ...] and y [N]."""
    texts = getattr(first, "dtype", None) is not None and getattr(first.dtype, "kind", "O") not in (
        "fiub"
    )
    if (hasattr(first, "ndim") and first.ndim < 2 and not texts) or len(first) != len(second):
        raise InputError(f"{part}: X and y must be of the same length, X [N, ...]")
    return list(zip(first, second, strict=True))


def name_classes(row: dict[str, Any], features: Any) -> dict[str, Any]:
    """Replaces the class ids in a row of a Hugging Face dataset by their names."""
    for column, feature in dict(features).items():
        inner = getattr(feature, "feature", None)
        if names := getattr(feature, "names", None):
            row[column] = name_class(row[column], names)
        elif (names := getattr(inner, "names", None)) and row[column] is not None:
            row[column] = [name_class(number, names) for number in row[column]]
    return row


def name_class(number: Any, names: Sequence[str]) -> Any:
    """The name of a class; -1 and -100, which stand for no class, and names stay."""
    if isinstance(number, (int, np.integer)) and 0 <= number < len(names):
        return names[int(number)]
    return number
