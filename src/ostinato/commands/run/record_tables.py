"""Record tables: series and rows of numbers given in Python, written as CSV and .npz."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.commands.run.record_rows import EXPECTED
from ostinato.commands.run.record_values import (
    format_json_lines,
    is_flat,
    is_list,
    plain_value,
    write_text,
)
from ostinato.errors import InputError


def write_table(path: Path, rows: Sequence[Any], part: str) -> Path:
    """Writes a table of series, given as rows by column or as whole series of numbers.

    Series without names and times are called 1, 2, ..., and their steps 1, 2, ..."""
    if isinstance(rows[0], Mapping) and any(map(is_list, rows[0].values())):
        rows = [step for number, row in enumerate(rows, start=1) for step in as_steps(row, number)]
    if not isinstance(rows[0], Mapping):
        if is_flat(rows):
            rows = [rows]
        rows = [
            {"unique_id": number, "ds": step, "y": value}
            for number, series in enumerate(rows, start=1)
            for step, value in enumerate(as_values(series, part, number), start=1)
        ]
    columns = list(rows[0])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, Mapping) or row.keys() != rows[0].keys():
                raise InputError(
                    f"{part}:{number}: expected a dict of {', '.join(map(str, columns))}, as the "
                    f"first is; got {row!r:.60}"
                )
            values = [plain_value(row[name]) for name in columns]
            writer.writerow(["" if value is None else value for value in values])
    return path


def as_steps(row: Any, number: int) -> list[Any]:
    """The steps of a series given as columns: {"ds": [...], "y": [...]}; others as they are.

    Values that are no lists, such as its name, are those of every step; without a name it is
    `number`."""
    lists = {name: list(value) for name, value in row.items() if is_list(value)}
    if not lists or len({len(value) for value in lists.values()}) > 1:
        return [row]
    same = {"unique_id": number} | {name: row[name] for name in row if name not in lists}
    return [
        {**same, **dict(zip(lists, step, strict=True))}
        for step in zip(*lists.values(), strict=True)
    ]


def as_values(series: Any, part: str, number: int) -> list[Any]:
    """The values of a series given in Python."""
    found = series.tolist() if hasattr(series, "tolist") else series
    if not isinstance(found, (list, tuple)) or any(
        not (each is None or isinstance(each, (int, float))) for each in found
    ):
        raise InputError(
            f"{part}:{number}: expected numbers, or dicts by column; got {series!r:.60}"
        )
    return list(found)


def write_vectors(path: Path, rows: Sequence[Any], part: str) -> Path:
    """Writes rows [D] or sequences [T, D] as path.npz, and rows of named numbers as path.jsonl."""
    if all(isinstance(row, Mapping) for row in rows):
        named = [{str(name): plain_value(value) for name, value in row.items()} for row in rows]
        return write_text(path.with_suffix(".jsonl"), format_json_lines(named, part))
    try:
        arrays = [np.asarray(row, dtype=np.float64) for row in rows]
    except (TypeError, ValueError):
        arrays = []
    if not arrays or arrays[0].ndim not in (1, 2) or len({each.shape[1:] for each in arrays}) > 1:
        raise InputError(f"{part}: expected rows of numbers [D], or sequences [T, D]; {EXPECTED}")
    file = path.with_suffix(".npz")
    if arrays[0].ndim == 2:
        np.savez(file, X=np.concatenate(arrays), lengths=np.array(list(map(len, arrays))))
    elif len({len(each) for each in arrays}) > 1:
        raise InputError(f"{part}: rows of differing length")
    else:
        np.savez(file, X=np.stack(arrays))
    return file
