"""The columns of a table of series as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path
from ostinato.data.series.column_blocks import ColumnBlock
from ostinato.data.series.time_format import TimeFormat, find_format
from ostinato.data.series.time_parser import TimeParser
from ostinato.data.series.time_series import LARGEST
from ostinato.errors import InputError

MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "?", "-", "<na>"})


@dataclass
class NumberTable:
    """What was read of one file, converted."""

    ids: np.ndarray  # [N], index into names
    names: list[str]
    times: np.ndarray  # [N]
    form: TimeFormat
    lines: np.ndarray  # [N]
    numbers: dict[str, np.ndarray]  # [N] each
    texts: dict[str, list[str]] = field(default_factory=dict)


def convert(
    file: FilePath,
    blocks: Iterable[ColumnBlock],
    time: str,
    name: str | None,
    numeric: Sequence[str],
    static: Sequence[str],
) -> NumberTable:
    """The columns of a long or wide table as numbers, a static column that is missing blank."""
    where = display_path(file)
    known: dict[str, int] = {}
    ids: list[np.ndarray] = []
    lines: list[np.ndarray] = []
    numbers: dict[str, list[np.ndarray]] = {column: [] for column in numeric}
    texts: dict[str, list[str]] = {column: [] for column in static}
    parser = None
    for block in blocks:
        rows = block.lines
        if parser is None:
            form = find_format(block.columns[time][0])
            if form is None:
                text = block.columns[time][0][:40]
                raise InputError(
                    f"{where}:{rows[0]}: {text!r} is not a time stamp; expected a date such as "
                    "2024-01-31, a time such as 2024-01-31 12:00:00, or a whole number"
                )
            parser = TimeParser(form)
        parser.add(block.columns[time], partial(name_line, where, rows))
        lines.append(np.array(rows, dtype=np.int64))
        if name is not None:
            keys = block.columns[name]
            if "" in keys:
                raise InputError(
                    f"{where}:{rows[keys.index('')]}: {name} is empty; name the series, or remove "
                    "the row"
                )
            ids.append(np.array([known.setdefault(key, len(known)) for key in keys]))
        for column in numeric:
            numbers[column].append(as_numbers(block.columns[column], column, rows, where))
        for column in static:
            texts[column] += block.columns.get(column, [""] * len(rows))
    if parser is None:
        raise InputError(f"{where}: no series (0 rows)")
    times, form = parser.finish()
    return NumberTable(
        np.concatenate(ids) if ids else np.zeros(len(times), dtype=np.int64),
        list(known) or [""],
        times,
        form,
        np.concatenate(lines),
        {column: join_blocks(parts) for column, parts in numbers.items()},
        texts,
    )


def join_blocks(parts: list[np.ndarray]) -> np.ndarray:
    """The blocks of a column as one array; the list is emptied, to hold no column twice."""
    joined = np.concatenate(parts)
    parts.clear()
    return joined


def as_numbers(texts: Sequence[str], column: str, lines: Sequence[int], where: str) -> np.ndarray:
    """Fields as float64, NaN where missing; InputError for text and for infinite values."""
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        values = np.array(
            [number_of(*pair, column, where) for pair in zip(texts, lines, strict=True)]
        )
    with np.errstate(invalid="ignore"):
        beyond = np.abs(values) > LARGEST
    if beyond.any():
        row = int(beyond.argmax())
        what = (
            "infinite; leave it empty or remove the row"
            if np.isinf(values[row])
            else f"{values[row]:g}; values beyond {LARGEST:g} cannot be used: give another unit"
        )
        raise InputError(f"{where}:{lines[row]}: {column} is {what}")
    return values


def number_of(text: str, line: int, column: str, where: str) -> float:
    """number_of("1.5", ...) -> 1.5; NaN for a missing value."""
    if text.strip().lower() in MISSING or text.strip().lower() in ("true", "false"):
        return {"true": 1.0, "false": 0.0}.get(text.strip().lower(), np.nan)
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"{where}:{line}: {column} is {text[:40]!r}, not a number; correct it, or leave the "
            "field empty where the value is missing"
        ) from None


def name_line(where: str, rows: Sequence[int], row: int) -> str:
    """The file and line of a row of a block."""
    return f"{where}:{rows[row]}"
