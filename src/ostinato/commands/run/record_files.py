"""Record files: examples given in Python, written in a format that the task reads."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.data.files.columns import ALIASES, OPTIONS
from ostinato.data.files.npz import format_label
from ostinato.errors import InputError
from ostinato.tasks.task import TaskDefinition

EXPECTED = (
    "expected a list of files, or of examples: pairs, dicts, a DataFrame, a Hugging Face dataset"
)


def write_records(
    task: TaskDefinition, rows: list[Any], path: Path, settings: Mapping[str, Any], part: str
) -> Path:
    """Writes examples to path.jsonl, .npz, .conll, .txt or .json; returns the path of the file."""
    if not len(rows):
        raise InputError(f"{part}: no examples")
    columns = tuple(
        settings.get(f"{OPTIONS.get(column, column)}_column") or column
        for column in task.record_columns
    )
    if task.reader.reads_tables:
        return write_table(path.with_suffix(".csv"), rows, part)
    if task.name == "melody":
        return write_text(path.with_suffix(".json"), json.dumps(rows, default=plain_value))
    if task.name == "language":
        texts = [read_text(row, columns[0], part, n) for n, row in enumerate(rows, start=1)]
        return write_text(path.with_suffix(".txt"), "".join(f"{text}\n" for text in texts))
    if task.name == "autoencoder":
        return write_vectors(path, rows, part)
    if task.name == "dialogue" and any(isinstance(row, list) for row in rows):
        rows = [{"turns": list(row)} if isinstance(row, (list, tuple)) else row for row in rows]
    pairs = [as_row(row, columns, part, number) for number, row in enumerate(rows, start=1)]
    if task.name == "tagging":
        return write_text(path.with_suffix(".conll"), format_sentences(pairs, columns, part))
    key = find_input(pairs[0], columns[0])
    first = pairs[0].get(key)
    if hasattr(first, "save") and hasattr(first, "convert"):  # Pillow's images
        path.mkdir()
        for number, row in enumerate(pairs):
            row[key].convert("RGBA").save(path / f"{number}.png")
            row[key] = str(path / f"{number}.png")
    elif is_array(first):
        return write_arrays(path.with_suffix(".npz"), task.name, pairs, (key, columns[1]), part)
    for row in pairs:
        if isinstance(row.get(key), os.PathLike) or task.name == "captioning":
            row[key] = str(Path(row[key]).absolute())
    lines = (json.dumps(row, ensure_ascii=False, default=plain_value) for row in pairs)
    return write_text(path.with_suffix(".jsonl"), "".join(f"{line}\n" for line in lines))


def write_table(path: Path, rows: Sequence[Any], part: str) -> Path:
    """Writes a table of series, given as rows by column or as whole series of numbers.

    Series without names and times are called 1, 2, ..., and their steps 1, 2, ..."""
    if not isinstance(rows[0], Mapping):
        if is_array(rows) and not is_list(rows[0]):
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
        return write_text(
            path.with_suffix(".jsonl"), "".join(f"{json.dumps(row)}\n" for row in named)
        )
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


def write_text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8", errors="surrogatepass", newline="\n")
    return path


def as_row(row: Any, columns: Sequence[str], part: str, number: int) -> dict[str, Any]:
    """An example as a dict by column.

    as_row(("fine", "good"), ("text", "label"), ...) -> {"text": "fine", "label": "good"}
    """
    if isinstance(row, Mapping):
        return {str(name): plain_value(value) for name, value in row.items()}
    if isinstance(row, (tuple, list)) and len(row) == len(columns):
        return {name: plain_value(value) for name, value in zip(columns, row, strict=True)}
    raise InputError(
        f"{part}:{number}: expected a pair ({', '.join(columns)}), or a dict of these; "
        f"got {row!r:.60}"
    )


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


def read_text(row: Any, column: str, part: str, number: int) -> str:
    """The text of a language model's example: a string, a tuple of it, or a dict with the
    column.
    """
    value = row.get(column) if isinstance(row, Mapping) else row
    if isinstance(value, (tuple, list)) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise InputError(f"{part}:{number}: expected a text; got {value!r:.60}")
    return value


def format_sentences(rows: Sequence[dict[str, Any]], columns: Sequence[str], part: str) -> str:
    """Formats sentences as CoNLL: a word and its tag per line, an empty line after each
    sentence.
    """
    lines = []
    for number, row in enumerate(rows, start=1):
        words = next((row[name] for name in (columns[0], "tokens", "words") if name in row), None)
        names = (columns[1], "tags", "ner_tags", "pos_tags", "upos", "labels")
        tags = next((row[name] for name in names if name in row), None)
        words = list(words) if words is not None and is_list(words) else None
        tags = list(tags) if tags is not None and is_list(tags) else None
        if words is None or tags is None or len(words) != len(tags):
            raise InputError(f"{part}:{number}: expected words and as many tags; got {row!r:.60}")
        for word, tag in zip(words, tags, strict=True):
            fields = [" ".join(str(field).split()) for field in (word, tag)]
            if not all(fields):
                raise InputError(f"{part}:{number}: a blank word or tag")
            lines.append("\t".join(fields))
        lines.append("")
    return "\n".join(lines) + "\n"


def is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or hasattr(value, "tolist")


def find_input(row: Mapping[str, Any], column: str) -> str:
    """The key of an example's input: the column or an alias, otherwise the first array."""
    for name in (column, *ALIASES.get(column, ())):
        if name in row:
            return name
    return next((name for name, value in row.items() if is_array(value)), column)


def is_array(value: Any) -> bool:
    """Whether a value is an array of numbers, or nested lists of them."""
    if hasattr(value, "dtype"):
        return np.asarray(value).dtype.kind in "fiub" and np.asarray(value).ndim > 0
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def write_arrays(
    path: Path, task: str, rows: Sequence[dict[str, Any]], columns: tuple[str, str], part: str
) -> Path:
    """Writes arrays that differ only in their first dimension, with their labels or captions."""
    arrays = []
    for number, row in enumerate(rows, start=1):
        try:
            arrays.append(np.asarray(row.get(columns[0])))
        except ValueError:
            arrays.append(np.zeros(0, dtype=object))
        if arrays[-1].dtype.kind not in "fiub" or not arrays[-1].ndim:
            raise InputError(f"{part}:{number}: expected an array of numbers in {columns[0]!r}")
        if arrays[-1].ndim != arrays[0].ndim or arrays[-1].shape[1:] != arrays[0].shape[1:]:
            raise InputError(
                f"{part}:{number}: an array of shape {list(arrays[-1].shape)}, but the first has "
                f"{list(arrays[0].shape)}; only their lengths may differ"
            )
    first = arrays[0]
    content, target = "X", "y"
    if task == "captioning":
        target = "captions"
        features = first.dtype.kind == "f" and first.ndim <= 2
        content = "features" if features else "frames" if first.ndim == 4 else "images"
    equal = len({len(array) for array in arrays}) == 1
    held = {content: np.stack(arrays) if equal else np.concatenate(arrays)}
    if not equal:
        held["lengths"] = np.array([len(array) for array in arrays])
    names = (columns[1], *ALIASES.get(columns[1], ()), target, "captions")
    labels = [next((row[name] for name in names if name in row), None) for row in rows]
    if any(label is not None for label in labels):
        held[target] = stack_labels(labels, part, captions=target == "captions")
    np.savez(path, allow_pickle=False, **held)
    return path


def stack_labels(labels: Sequence[Any], part: str, *, captions: bool) -> np.ndarray:
    """Labels [N], labels of frames concatenated, or captions [N, K], as arrays of text."""
    several = [
        [str(each) if captions else format_label(each) for each in label]
        if is_list(label)
        else None
        for label in labels
    ]
    if not any(each is not None for each in several):
        return np.array([format_label("" if label is None else label) for label in labels])
    missing = next((n for n, each in enumerate(several, start=1) if each is None), None)
    if missing is not None:
        raise InputError(f"{part}:{missing}: one label, but others have a list of them")
    rows = [each for each in several if each is not None]
    if captions:
        most = max(map(len, rows))
        return np.array([[*row, *[""] * (most - len(row))] for row in rows])
    return np.array([each for row in rows for each in row])
