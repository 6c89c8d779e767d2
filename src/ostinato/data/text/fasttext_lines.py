"""Labelled texts as fastText reads them: __label__good __label__short a fine film"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath, peek_text
from ostinato.data.files.wording import display_path

PREFIX = "__label__"  # of a word that is a label


class FasttextLine(NamedTuple):
    """A line: its text without the labels, the labels without prefix, its place for messages."""

    text: str
    labels: tuple[str, ...]
    where: str


def is_fasttext(file: FilePath) -> bool:
    """Whether the first line that is not blank begins or ends with a label."""
    if str(file) != "-" and not Path(file).is_file():
        return False
    words = next((line.split() for line in peek_text(file).splitlines() if line.strip()), [])
    return bool(words) and (words[0].startswith(PREFIX) or words[-1].startswith(PREFIX))


def read_fasttext(file: FilePath) -> Iterator[FasttextLine]:
    """The lines of a file, blank ones, too; labels may stand anywhere in them."""
    for number, line in enumerate(iterate_lines(file), start=1):
        words = line.split()
        labels = [word.removeprefix(PREFIX) for word in words if word.startswith(PREFIX)]
        text = " ".join(word for word in words if not word.startswith(PREFIX)) if labels else line
        yield FasttextLine(
            text.removeprefix(", "),
            tuple(dict.fromkeys(filter(None, labels))),
            f"{display_path(file)}:{number}",
        )
