"""Wording shared by messages: paths, plurals, quotations, label counts and truncated text."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from pathlib import Path

LONGEST_QUOTE = 60  # characters

_path_names: ContextVar[Mapping[str, str]] = ContextVar("path_names", default={})  # noqa: B039


def display_path(path: str | os.PathLike) -> str:
    """The path as messages name it: "-" -> "standard input"."""
    path = os.fspath(path)
    if path == "-":
        return "standard input"
    names = _path_names.get()
    return names.get(str(Path(path).absolute()), path) if names else path


@contextmanager
def name_paths(names: Mapping[str, str]) -> Iterator[None]:
    """Messages name these absolute paths otherwise inside the `with` block."""
    token = _path_names.set({**_path_names.get(), **names})
    try:
        yield
    finally:
        _path_names.reset(token)


def is_renamed(path: object) -> bool:
    """Whether messages name a path otherwise: a file of ours, with examples given in Python."""
    return str(path) in _path_names.get()


def pluralise(noun: str, count: int) -> str:
    """pluralise("line", 2) -> "lines"."""
    return noun if count == 1 else noun + "s"


def quote(text: object, most: int = LONGEST_QUOTE) -> str:
    """quote("B-PER") -> "'B-PER'"; of a text of more than `most` characters the start and "…"."""
    text = str(text)
    return repr(text if len(text) <= most else text[:most] + "…")


def list_names(names: Iterable[str], most: int = 20) -> str:
    """list_names(["a", "b\\nc"]) -> "a, b c": the first `most` names on one line, each cut."""
    return ", ".join(" ".join(name[:40].split()) for name in islice(names, most))


def first_line(error: BaseException, most: int = 200) -> str:
    """What a library's exception says, for a message: one line of at most `most` characters."""
    lines = str(error).strip().splitlines()
    return lines[0][:most] if lines else type(error).__name__


def truncate_text(text: str, maximum: int) -> str:
    """truncate_text("one two three", 9) -> "one two": truncated at a space in its second half."""
    if len(text) <= maximum:
        return text
    head = text[:maximum]
    start, space, _ = head.rpartition(" ")
    return start if space and len(start) > maximum // 2 else head


def format_counts(labels: Sequence[str] | Counter[str], most: int = 8) -> str:
    """format_counts(["b", "a", "b"]) -> "'b' 2, 'a' 1": label frequencies in descending order.

    Args:
        labels: one label per example, or how many of each there are.
        most: number of distinct labels to list; the rest are summarised as "and N others".
    """
    counts = Counter(labels).most_common()
    most += len(counts) == most + 1  # listing one more label is no longer than the summary
    listed = ", ".join(f"{quote(label)} {count:,}" for label, count in counts[:most])
    return listed if len(counts) <= most else f"{listed}, and {len(counts) - most:,} others"
