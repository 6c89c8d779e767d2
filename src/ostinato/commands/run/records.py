"""Examples given in Python instead of files.

They are written to a temporary file in a format of the task, so that the same reader checks and
converts them.

    ostinato.train("classification", train=[("a fine film", "good"), ("a dull one", "bad"), ...])

Messages call the file "train", and its lines are the examples, counted from 1.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ostinato.commands.run.record_files import (
    EXPECTED,
    write_records,
)
from ostinato.data.files.streams import temporary_file_error
from ostinato.data.files.wording import name_paths
from ostinato.errors import InputError, option_name
from ostinato.tasks import find_task


@contextmanager
def records_as_files(
    task: str, settings: Mapping[str, Any], **parts: Any
) -> Iterator[dict[str, list[str]]]:
    """The files of each part: the given ones, or a temporary one with its examples.

    Args:
        task: the task's name.
        settings: options by name, which include the names of columns.
        parts: files or examples for train, dev and test.

    Raises:
        InputError: a part has neither files nor examples, or its examples have another form.
    """
    definition = find_task(task)
    with make_temporary_folder() as folder:
        files: dict[str, list[str]] = {}
        names: dict[str, str] = {}
        for part, value in parts.items():
            given = list_files(value, part)
            if given is None:
                if part == "train" and isinstance(settings.get("cache"), (str, os.PathLike)):
                    raise InputError(
                        f"{option_name('cache')}: these examples are in memory already; give the "
                        f"names of files, or leave out {option_name('cache')}"
                    )
                rows = list_rows(value, part)
                try:
                    path = write_records(definition, rows, folder / part, settings, part)
                except OSError as error:
                    raise InputError(temporary_file_error(error)) from None
                given = [str(path)]
                names[str(path)] = part
            files[part] = given
        with name_paths(names):
            yield files


@contextmanager
def make_temporary_folder() -> Iterator[Path]:
    """A temporary folder, removed with its contents at the end of the `with` block."""
    try:
        made = tempfile.TemporaryDirectory(prefix="ostinato-")
    except OSError as error:
        raise InputError(temporary_file_error(error)) from None
    with made as folder:
        yield Path(folder)


def list_files(value: Any, part: str) -> list[str] | None:
    """The names of files, or None if the value holds examples."""
    if value is None:
        return []
    if isinstance(value, (str, os.PathLike)):
        return [os.fspath(value)]
    if isinstance(value, (list, tuple)) and all(
        isinstance(each, (str, os.PathLike)) for each in value
    ):
        return [os.fspath(each) for each in value]
    if isinstance(value, (list, tuple)):
        wrong = [each for each in value if isinstance(each, (str, os.PathLike))]
        if wrong:
            raise InputError(f"{part}: {EXPECTED}, not both; one is {str(wrong[0])!r:.60}")
    return None


def list_rows(value: Any, part: str) -> list[Any]:
    """The examples of a list, an iterable, columns, a DataFrame or a Hugging Face dataset.

    list_rows({"text": ["a", "b"], "label": [0, 1]}, "train")
    -> [{"text": "a", "label": 0}, {"text": "b", "label": 1}]"""
    names = getattr(value, "column_names", None)
    if isinstance(value, Mapping) and isinstance(names, Mapping):
        splits = ", ".join(map(repr, value))
        raise InputError(f"{part}: a dataset of several parts ({splits}); give one of them")
    if isinstance(names, list) and hasattr(value, "features"):
        return [name_classes(dict(row), value.features) for row in value]
    if hasattr(value, "columns") and hasattr(value, "to_dicts"):  # polars
        return value.to_dicts()
    if hasattr(value, "columns") and hasattr(value, "to_dict"):  # pandas
        if type(getattr(value, "index", None)).__name__ in (
            "DatetimeIndex",
            "PeriodIndex",
            "MultiIndex",
        ):
            value = value.reset_index()  # an index of times, as in statsmodels and neuralforecast
            value = value.rename(columns={"index": "ds"})
        return value.to_dict("records")
    if isinstance(value, Mapping):
        columns = {name: list(column) for name, column in value.items()}
        if len({len(column) for column in columns.values()}) > 1:
            raise InputError(f"{part}: columns of differing length")
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if isinstance(value, tuple) and len(value) == 2 and hasattr(value[0], "shape"):  # (X, y)
        if value[0].ndim < 2 or len(value[0]) != len(value[1]):
            raise InputError(f"{part}: X and y must be of the same length, X [N, ...]")
        return list(zip(value[0], value[1], strict=True))
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        raise InputError(f"{part}: {EXPECTED}; got {value!r:.60}")
    return list(value)


def name_classes(row: dict[str, Any], features: Any) -> dict[str, Any]:
    """Replaces the class ids in a row of a Hugging Face dataset by their names."""
    for column, feature in dict(features).items():
        inner = getattr(feature, "feature", None)
        if names := getattr(feature, "names", None):
            if isinstance(row[column], int) and 0 <= row[column] < len(names):
                row[column] = names[row[column]]
        elif names := getattr(inner, "names", None):
            row[column] = [names[number] for number in row[column]]
    return row
