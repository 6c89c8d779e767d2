"""Reads texts and files from the command line as the records to inspect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from ostinato.errors import InputError
from ostinato.notices import notify
from ostinato.tasks.reader import Record
from ostinato.tasks.task import Task

LONGEST_NAME = 256  # maximum bytes of a file name


def read_corpus(task: Task, files: Sequence[str]) -> Sequence[Record]:
    """Reads the records of a corpus: labelled ones if the files have labels, otherwise inputs."""
    try:
        return task.reader.read(files)
    except InputError:
        return [record for file in files for record in read_whole(task, file)]


def names_file(given: str) -> bool:
    """Whether a text is the name of a file."""
    return len(given.encode()) < LONGEST_NAME and "\n" not in given and Path(given).is_file()


def note_missing_file(given: str) -> None:
    """Says that there is no such file where a text looks like the name of one: "book.txt"."""
    if re.fullmatch(r"\S*[^\s.]\.[a-z][a-z0-9]{1,7}", given):
        notify(f"{given}: there is no such file; looked at as a text")


def read_records(task: Task, inputs: Sequence[str], example: int) -> list[Record]:
    """Reads the records of texts and files from the command line.

    A tab separates an input from its target: "Ein Hund.\\tA dog.".

    Raises:
        InputError: A file has too few examples.
    """
    records: list[Record] = []
    for given in inputs:
        if given == "-" or names_file(given):
            records += read_file(task, given, example)
            continue
        note_missing_file(given)
        if "\t" in given:
            source, target = given.split("\t", 1)
            tagged = task.name == "tagging"
            pair = (source.split(), target.split()) if tagged else (source, target)
            records.append(task.reader.as_record(pair))
        else:
            records.append(task.reader.as_record(given))
    return records


def read_file(task: Task, name: str, example: int) -> list[Record]:
    """Reads a few examples of a file, from number `example` on; for a language model all lines."""
    found = list(islice(read_whole(task, name), example - 1, example + 7))
    if not found:
        raise InputError(f"{name}: no example number {example}")
    if hasattr(task.preprocessing, "prompt_ids"):
        lines = list(islice(read_whole(task, name), 5000)) if name != "-" else found
        return [task.reader.as_record("\n".join(line.text for line in lines))]
    return found


def read_whole(task: Task, name: str) -> Iterator[Record]:
    """Reads the inputs of a file; streamed sequences are read to their ends."""
    for record in task.reader.read_inputs([name]):
        pieces = getattr(record, "pieces", None)
        yield record if pieces is None else task.reader.as_record("".join(pieces))
