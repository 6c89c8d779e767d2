"""Record files: examples given in Python, written in a format that the task reads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.commands.run.record_arrays import write_arrays
from ostinato.commands.run.record_media import (
    add_rate,
    as_sound,
    is_encoded,
    is_picture,
    write_class_folders,
    write_encoded,
    write_pictures,
    write_sounds,
)
from ostinato.commands.run.record_tables import write_table, write_vectors
from ostinato.commands.run.record_values import (
    format_json,
    format_json_lines,
    is_array,
    is_list,
    plain_value,
    write_text,
)
from ostinato.data.files.columns import ALIASES, OPTIONS
from ostinato.errors import InputError
from ostinato.tasks.task import TaskDefinition

PATHS = ("captioning", "transcription")  # whose inputs are names of files, if they are texts


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
        return write_text(path.with_suffix(".json"), format_json(rows, part))
    if task.name == "language":
        texts = [read_text(row, columns[0], part, n) for n, row in enumerate(rows, start=1)]
        return write_text(path.with_suffix(".txt"), "".join(f"{text}\n" for text in texts))
    if task.name == "autoencoder":
        return write_vectors(path, rows, part)
    if task.name == "dialogue" and any(isinstance(row, list) for row in rows):
        rows = [{"turns": list(row)} if isinstance(row, (list, tuple)) else row for row in rows]
    if task.name == "tagging" and not any(isinstance(row, Mapping) for row in rows):
        return write_text(path.with_suffix(".conll"), format_sentences(rows, part))
    pairs = [as_row(row, columns, part, number) for number, row in enumerate(rows, start=1)]
    if task.name == "genome":
        pairs = [join_labels(row) for row in pairs]
    key = find_input(pairs[0], columns[0])
    if task.name == "transcription":
        add_rate(pairs, key, settings.get("sample_rate"), part)
    return write_pairs(task, pairs, (key, columns[1]), path, part)


def write_pairs(
    task: TaskDefinition,
    rows: Sequence[dict[str, Any]],
    keys: tuple[str, str],
    path: Path,
    part: str,
) -> Path:
    """Writes examples by column as path.jsonl or path.npz; their pictures and sounds beside it.

    Args:
        task: the task.
        rows: the examples.
        keys: the keys of the input and of the target.
        path: without its ending.
        part: train, dev or test, for messages.
    """
    key, first = keys[0], rows[0].get(keys[0])
    if task.name == "tagging":  # in any layout that a table may have
        return write_text(path.with_suffix(".jsonl"), format_json_lines(rows, part))
    if task.name == "classification" and (is_picture(first) or is_encoded(first)):
        names = (keys[1], *ALIASES.get(keys[1], ()))
        label = next((name for name in names if name in rows[0]), keys[1])
        return write_class_folders(rows, (key, label), path, part)
    if is_picture(first):
        write_pictures(rows, key, path, part)
    elif is_encoded(first):
        write_encoded(rows, key, path, part)
    elif as_sound(first) is not None:
        write_sounds(rows, key, path, part)
    elif is_array(first):
        return write_arrays(path.with_suffix(".npz"), task.name, rows, keys, part)
    for row in rows:
        if isinstance(row.get(key), os.PathLike) or task.name in PATHS:
            row[key] = absolute_path(row.get(key))
    return write_text(path.with_suffix(".jsonl"), format_json_lines(rows, part))


def absolute_path(value: Any) -> Any:
    """The name of a file as an absolute path; "" and what is no name stay."""
    named = isinstance(value, os.PathLike) or (isinstance(value, str) and value)
    return str(Path(value).absolute()) if named else value


def join_labels(row: dict[str, Any]) -> dict[str, Any]:
    """A sequence's row, in which a list of labels is the labels of its bases."""
    labels = row.get("labels", row.get("label"))
    if not is_list(labels):
        return row
    kept = {name: value for name, value in row.items() if name not in ("label", "labels")}
    return {**kept, "labels": " ".join(map(str, labels))}


def as_row(row: Any, columns: Sequence[str], part: str, number: int) -> dict[str, Any]:
    """An example as a dict by column.

    as_row(("fine", "good"), ("text", "label"), ...) -> {"text": "fine", "label": "good"}
    """
    if isinstance(row, Mapping):
        return {str(name): plain_value(value) for name, value in row.items()}
    if isinstance(row, np.ndarray) and row.ndim == 1 and row.dtype.kind in "OUS":
        row = row.tolist()
    if isinstance(row, (tuple, list)) and len(row) == len(columns):
        return {name: plain_value(value) for name, value in zip(columns, row, strict=True)}
    raise InputError(
        f"{part}:{number}: expected a pair ({', '.join(columns)}), or a dict of these; "
        f"got {row!r:.60}"
    )


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


def format_sentences(rows: Sequence[Any], part: str) -> str:
    """Formats sentences as CoNLL: a word and its tag per line, an empty line after each
    sentence.

    Args:
        rows: (words, tags), or a list of (word, tag), as NLTK has them.
        part: train, dev or test, for messages.
    """
    lines = []
    for number, row in enumerate(rows, start=1):
        pair = row if isinstance(row, (tuple, list)) and len(row) == 2 else ((), None)
        words, tags = (list(each) if is_list(each) else None for each in pair)
        if isinstance(row, list) and all(is_word(each) for each in row):
            words, tags = ([each[place] for each in row] for place in (0, 1))
        if words is None or tags is None or len(words) != len(tags):
            raise InputError(
                f"{part}:{number}: expected a pair (words, tags), as many of each, or a dict of "
                f"these; got {row!r:.60}"
            )
        for word, tag in zip(words, tags, strict=True):
            fields = [" ".join(str(field).split()) for field in (word, tag)]
            if not all(fields):
                raise InputError(f"{part}:{number}: a blank word or tag")
            lines.append("\t".join(fields))
        lines.append("")
    return "\n".join(lines) + "\n"


def is_word(value: Any) -> bool:
    """Whether a value is a word and its tag: ("Oslo", "B-LOC")"""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def find_input(row: Mapping[str, Any], column: str) -> str:
    """The key of an example's input: the column or an alias, otherwise the first array, image or
    sound.
    """
    for name in (column, *ALIASES.get(column, ())):
        if name in row:
            return name
    found = (
        name
        for name, value in row.items()
        if is_array(value) or is_picture(value) or is_encoded(value) or as_sound(value) is not None
    )
    return next(found, column)
