"""One series as a JSON object of columns, instead of as a table."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ostinato.data.series.series_columns import ALIASES
from ostinato.data.series.time_series import TimeSeries
from ostinato.errors import InputError

EXPECTED = 'expected columns such as {"ds": ["2024-01-31", ...], "y": [1.5, ...]}'


def read_object(
    value: Mapping[str, Any], read: Callable[[Sequence[str]], list[TimeSeries]]
) -> TimeSeries:
    """A series given as columns: {"unique_id": "a", "ds": ["2024-01-31", ...], "y": [1.5, ...]}

    A single value is that of all steps. Without time stamps steps are counted from 1.

    Args:
        value: Lists of equal length, or single values, by column.
        read: What reads the series of tables.

    Raises:
        InputError: No such columns, or what `read` finds wrong with them.
    """
    columns = {str(name): each for name, each in value.items()}
    lengths = {len(each) for each in columns.values() if isinstance(each, list | tuple)}
    if len(lengths) != 1:
        raise InputError(f"{EXPECTED}, of one length")
    (length,) = lengths
    if not {name.lower() for name in columns} & set(ALIASES["ds"]):
        columns["ds"] = list(range(1, length + 1))
    rows = [
        [write(each[step] if isinstance(each, list | tuple) else each) for each in columns.values()]
        for step in range(length)
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "series.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([list(columns), *rows])
        found = read([str(path)])
    if len(found) != 1:
        raise InputError(f"expected one series; got {len(found):,}: give each on its own")
    return found[0]


def write(value: Any) -> str:
    """A value as a field of a table. InputError for a list or an object."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool | dict | list | tuple):
        raise InputError(EXPECTED)
    return repr(value) if isinstance(value, float) else str(value)
