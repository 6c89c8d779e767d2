"""Examples given in Python instead of files.

They are written to a temporary file in a format of the task, so that the same reader checks and
converts them.

    ostinato.train("classification", train=[("a fine film", "good"), ("a dull one", "bad"), ...])

Messages call the file "train", and its lines are the examples, counted from 1.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ostinato.commands.run.record_files import write_records
from ostinato.commands.run.record_rows import EXPECTED, list_rows
from ostinato.data.files.streams import temporary_file_error
from ostinato.data.files.wording import name_paths
from ostinato.errors import InputError, option_name
from ostinato.tasks import find_task
from ostinato.tasks.task import TaskDefinition


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
                rows = list_rows(value, part, pairs=takes_columns(definition))
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


def takes_columns(task: TaskDefinition) -> bool:
    """Whether a tuple of two lists is inputs and targets: not where an example may itself be a
    list of texts, as a conversation is."""
    return len(task.record_columns) == 2 and task.name != "dialogue"
