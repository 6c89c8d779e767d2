"""Sentence pairs from two line-aligned files, or from tables with a source and a target column."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from ostinato.data.files.columns import ALIASES
from ostinato.data.files.csv import guess_delimiter
from ostinato.data.files.lines import iterate_lines, read_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import is_table, read_table
from ostinato.data.files.wording import display_path, pluralise, truncate_text
from ostinato.data.text.misalignment import describe_misalignment
from ostinato.errors import InputError

MAXIMUM_LINE = 20_000  # characters
MOST_COMPARED = 1_000_000  # lines that are held in memory to tell where two files part


class Pair(NamedTuple):
    """Pair("Go.", "Va !")"""

    source: str
    target: str


def read_pairs(
    files: Sequence[FilePath],
    *,
    source_column: str | None = None,
    target_column: str | None = None,
    maximum_line: int = MAXIMUM_LINE,
    long_lines: str = "cut",
    keep_blank: bool = False,
    notices: list[str] | None = None,
) -> list[Pair]:
    """The pairs of two text files (line i of one is line i of the other), or of tables.

    read_pairs(["train.en", "train.fr"]);  read_pairs(["train.tsv"], source_column="english")

    Args:
        files: two text files, or one or more TSV, CSV, JSONL or Parquet tables; any of them
            gzipped.
        source_column: the name of the tables' source column, if not a usual one.
        target_column: the name of the tables' target column, if not a usual one.
        maximum_line: the largest number of characters on either side.
        long_lines: "cut" to truncate longer ones and count them, or "refuse".
        keep_blank: keep pairs with a blank side, so that there is one prediction per line;
            otherwise they are dropped, and counted.
        notices: what was truncated or left out is appended to this list, one line each; without
            it, it is a Python warning.

    Raises:
        InputError: a file or column does not exist, there are not exactly two text files, their
            numbers of lines differ, or there is no pair at all.
    """
    name = " ".join(map(display_path, files))
    names = {"source": source_column, "target": target_column}
    pairs = list(iterate_all_pairs(files, names, keep_blank, streamed=False))
    found: list[str] = []
    kept = list(filter_pairs(pairs, name, maximum_line, long_lines, found, keep_blank=keep_blank))
    report_notices(found, notices)
    return kept


def stream_pairs(
    files: Sequence[FilePath],
    *,
    source_column: str | None = None,
    target_column: str | None = None,
    long_lines: str = "cut",
    notices: list[str] | None = None,
) -> Iterator[Pair]:
    """As `read_pairs`, one pair after another, for files larger than memory.

    Args:
        files: as of `read_pairs`, as are all others.
        source_column, target_column, long_lines, notices: as of `read_pairs`.
    """
    name = " ".join(map(display_path, files))
    names = {"source": source_column, "target": target_column}
    found: list[str] = []
    pairs = iterate_all_pairs(files, names, keep_blank=False, streamed=True)
    yield from filter_pairs(pairs, name, MAXIMUM_LINE, long_lines, found, keep_blank=False)
    report_notices(found, notices)


def iterate_all_pairs(
    files: Sequence[FilePath], names: dict[str, str | None], keep_blank: bool, *, streamed: bool
) -> Iterator[Pair]:
    """The pairs of text files or tables, without truncation or filtering.

    Args:
        files: see `read_pairs`.
        names: the names of the source and target columns; None for the usual ones.
        keep_blank: whether a blank line of a table counts as a pair.
        streamed: whether the lines of text files are not held in memory.
    """
    if not files:
        raise InputError(
            "no file given; expected two aligned text files, "
            "or one table with source and target columns"
        )
    if len(files) == 1 and not (
        is_table(files[0]) or any(names.values()) or looks_like_table(files[0])
    ):
        raise InputError(
            f"{display_path(files[0])}: one text file; expected two aligned ones (source target), "
            "or one table with columns source and target, such as a .tsv"
        )
    if len(files) == 1 or all(is_table(file) for file in files):
        rows = (
            row
            for file in files
            for row in read_table(file, tuple(names), names=names, keep_blank=keep_blank)
        )
        return (
            Pair(join_lines(row.text("source")), join_lines(row.text("target"))) for row in rows
        )
    if len(files) != 2:
        raise InputError(
            f"{len(files)} files given; expected two aligned text files, "
            "or tables (.tsv, .csv, .jsonl)"
        )
    return stream_aligned(*files) if streamed else map(Pair, *read_aligned(*files))


def stream_aligned(source_file: FilePath, target_file: FilePath) -> Iterator[Pair]:
    """The pairs of lines of both files; at the end InputError if their numbers differ."""
    lines = zip_longest(iterate_lines(source_file), iterate_lines(target_file))
    for number, (source, target) in enumerate(lines, start=1):
        if source is None or target is None:
            shorter, longer = number - 1, number + sum(1 for _ in lines)
            if longer <= MOST_COMPARED:
                read_aligned(source_file, target_file)  # which tells where they part
            counts = (shorter, longer) if source is None else (longer, shorter)
            raise InputError(not_aligned(source_file, target_file, *counts))
        yield Pair(source, target)


def looks_like_table(file: FilePath) -> bool:
    """Whether the first line of a file without a table's suffix looks like that of a table.

    A table begins with a JSON object, a line with tabs, or a header with a target column."""
    if os.fspath(file) == "-":  # a pipe can be read only once
        return True
    first = next(iterate_lines(file), "{")
    header = {name.strip().lower() for name in first.split(guess_delimiter(first))}
    return (
        first.lstrip().startswith("{")
        or "\t" in first
        or not header.isdisjoint({"target", *ALIASES["target"]})
    )


def read_aligned(source_file: FilePath, target_file: FilePath) -> tuple[list[str], list[str]]:
    """The lines of both files; InputError if their numbers of lines differ."""
    sources, targets = read_lines(source_file), read_lines(target_file)
    if len(sources) != len(targets):
        message = not_aligned(source_file, target_file, len(sources), len(targets))
        raise InputError(f"{message}{describe_misalignment(sources, targets)}")
    return sources, targets


def not_aligned(source_file: FilePath, target_file: FilePath, sources: int, targets: int) -> str:
    """The message for files of different numbers of lines."""
    return (
        f"{display_path(source_file)} has {sources:,} lines, "
        f"{display_path(target_file)} {targets:,}; they must be line by line translations"
    )


def filter_pairs(
    pairs: Iterable[Pair],
    name: str,
    maximum: int,
    long_lines: str,
    found: list[str],
    *,
    keep_blank: bool,
) -> Iterator[Pair]:
    """Truncates sides to `maximum` characters and drops pairs with a blank side.

    Args:
        pairs: to be filtered.
        name: of their files, for messages.
        maximum: characters of a side.
        long_lines: "cut" or "refuse".
        found: the numbers of longer and of dropped pairs are appended to it, at the end.
        keep_blank: whether none is dropped.
    """
    if long_lines not in ("cut", "refuse"):
        raise ValueError(f"long_lines: expected 'cut' or 'refuse'; got {long_lines!r}")
    place = number = dropped = 0
    for place, pair in enumerate(pairs, start=1):
        longest = max(map(len, pair))
        if longest > maximum:
            if long_lines == "refuse":
                raise InputError(
                    f"{name}: example {place} has {longest:,} characters, more than {maximum:,}; "
                    "shorten it"
                )
            number += 1
            pair = Pair(*(truncate_text(side, maximum) for side in pair))
        if not keep_blank and not (pair.source.strip() and pair.target.strip()):
            dropped += 1
            continue
        yield pair
    if not place:
        raise InputError(f"{name}: no examples (0 lines)")
    if number:
        found.append(
            f"{name}: {number:,} {pluralise('line', number)} of more than {maximum:,} characters "
            "cut to that"
        )
    if dropped == place:
        raise InputError(
            f"{name}: no examples ({place:,} {pluralise('line', dropped)}, each with a blank side)"
        )
    if dropped:
        found.append(f"{name}: {dropped:,} {pluralise('pair', dropped)} with a blank side left out")


def join_lines(text: str) -> str:
    """A table cell with its line breaks replaced by spaces, so that an example is one line."""
    return text.replace("\r\n", " ").replace("\n", " ") if "\n" in text else text


def report_notices(found: list[str], notices: list[str] | None) -> None:
    """Appends the lines of `found` to `notices`, or issues them as warnings if that is None."""
    for line in found:
        if notices is None:
            warnings.warn(line, stacklevel=3)
        else:
            notices.append(line)
