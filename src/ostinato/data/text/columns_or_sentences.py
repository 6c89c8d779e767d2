"""Detects whether a file holds columns (a token a line) or sentences (one a line)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ostinato.data.files.streams import FilePath
from ostinato.data.text.conll_layout import Layout, is_boundary, split_words
from ostinato.errors import option_name

ENDINGS = (".conll", ".conllu", ".bio", ".iob", ".iob2", ".iobes", ".conllup")
NO_TAG = "_"  # in place of a tag that is not given
MOSTLY = 0.9  # share of the lines, of which the others are then faults


class Trained(NamedTuple):
    """What the model was trained on.

    Attributes:
        columns: the number of columns.
        tags: those that it knows, in every scheme.
        knows_word: whether a word was among the training data's; None: not known.
        needs_columns: whether it reads more than the word.
    """

    columns: int = 2
    tags: frozenset[str] = frozenset()
    knows_word: Callable[[str], bool] | None = None
    needs_columns: bool = False


UNTRAINED = Trained()


def has_column_ending(file: FilePath) -> bool:
    """Whether a file's name says that it has columns: has_column_ending("a.conll.gz") -> True"""
    return str(file).removesuffix(".gz").lower().endswith(ENDINGS)


def has_columns(
    file: FilePath, head: Sequence[str], layout: Layout, trained: Trained
) -> tuple[bool, str]:
    """Whether the first lines of a file are tokens rather than sentences.

    The file's name or a tab says so. Otherwise spaces separate columns or words: see `are_tokens`.

    Returns:
        Whether it has columns, and what is to be said of it; "" where there is no doubt.
    """
    if has_column_ending(file):
        return True, ""
    rows = [
        split_words(line)
        for line in head
        if line.strip(" \t") and not line.startswith("#") and not is_boundary(line)
    ]
    blank = any(not line.strip(" \t") for line in head)
    option = option_name("layout")
    if layout.tabs or layout.odd_spaces or are_tokens(rows, blank, trained):
        many = f"{layout.columns} columns" if layout.columns > 1 else "one column"
        said = f"read as {many}, a token a line ({option} sentences: a sentence a line)"
        return True, f"{layout.file}: {said}"
    if len(rows) > 1 and len(set(map(len, rows))) == 1:
        said = f"read as a sentence a line ({option} columns: a token a line)"
        return False, f"{layout.file}: {said}"
    return False, ""


def are_tokens(rows: Sequence[Sequence[str]], blank: bool, trained: Trained) -> bool:
    """Whether lines, as the words between their spaces, are tokens in columns.

    Single words are, if there are several. Others must all have as many columns. If those are as
    many as in training and half of the last ones are known tags, that is enough. If not, at least
    two things must speak for it: blank lines, one column less than in training (or as many), few
    different values in the last column; and what follows the first column being no known words,
    which counts twice against it otherwise.

    Args:
        rows: the lines, without blank ones, comments and starts of documents.
        blank: whether there are blank lines, too.
        trained: what the model was trained on.
    """
    if not rows:
        return False
    (width, most), *others = Counter(map(len, rows)).most_common()
    last = [row[-1] for row in rows if len(row) == width]
    known = sum(tag in trained.tags or tag == NO_TAG for tag in last) / len(last)
    if others:  # a few of other widths are faults, which reading will name
        return width > 1 and most >= 10 and most >= MOSTLY * len(rows) and known >= 0.5
    if width == 1:
        return len(rows) > 1
    if width == trained.columns and known >= 0.5:
        return True
    reasons = int(blank)
    reasons += width > 2 and width in (trained.columns, trained.columns - 1) and len(rows) > 1
    reasons += len(rows) > 3 and len(set(last)) <= len(rows) / 2
    reasons += trained.needs_columns
    if trained.knows_word is not None:
        beyond = [field for row in rows for field in row[1:]]
        words = sum(map(trained.knows_word, beyond)) / len(beyond)
        reasons += 1 if words < 0.5 else -2
    return reasons > 1
