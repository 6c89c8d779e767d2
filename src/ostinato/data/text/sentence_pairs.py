"""Sentence pairs from two line-aligned files, or from tables with a source and a target column."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
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
    pairs = read_all_pairs(files, names, keep_blank)
    if not pairs:
        raise InputError(f"{name}: no examples (0 lines)")
    found: list[str] = []
    pairs = truncate_pairs(pairs, name, maximum_line, long_lines, found)
    if not keep_blank:
        pairs = drop_blank_pairs(pairs, name, found)
    report_notices(found, notices)
    return pairs


def read_all_pairs(
    files: Sequence[FilePath], names: dict[str, str | None], keep_blank: bool
) -> list[Pair]:
    """The pairs of text files or tables, without truncation or filtering.

    Args:
        files: see `read_pairs`.
        names: the names of the source and target columns; None for the usual ones.
        keep_blank: whether a blank line of a table counts as a pair.
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
        return [
            Pair(join_lines(row.text("source")), join_lines(row.text("target"))) for row in rows
        ]
    if len(files) != 2:
        raise InputError(
            f"{len(files)} files given; expected two aligned text files, "
            "or tables (.tsv, .csv, .jsonl)"
        )
    return list(map(Pair, *read_aligned(*files)))


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
        raise InputError(
            f"{display_path(source_file)} has {len(sources):,} lines, "
            f"{display_path(target_file)} {len(targets):,}; "
            f"they must be line by line translations{describe_misalignment(sources, targets)}"
        )
    return sources, targets


def truncate_pairs(
    pairs: list[Pair], name: str, maximum: int, long_lines: str, found: list[str]
) -> list[Pair]:
    """Truncates sides to `maximum` characters; adds the number of longer pairs to `found`."""
    if long_lines not in ("cut", "refuse"):
        raise ValueError(f"long_lines: expected 'cut' or 'refuse'; got {long_lines!r}")
    number = 0
    for place, pair in enumerate(pairs, start=1):
        longest = max(map(len, pair))
        if longest > maximum and long_lines == "refuse":
            raise InputError(
                f"{name}: example {place} has {longest:,} characters, more than {maximum:,}; "
                "shorten it"
            )
        number += longest > maximum
    if not number:
        return pairs
    found.append(
        f"{name}: {number:,} {pluralise('line', number)} of more than {maximum:,} characters "
        "cut to that"
    )
    return [Pair(*(truncate_text(side, maximum) for side in pair)) for pair in pairs]


def drop_blank_pairs(pairs: list[Pair], name: str, found: list[str]) -> list[Pair]:
    """Drops pairs with a blank side; appends the number of dropped pairs to `found`."""
    kept = [pair for pair in pairs if pair.source.strip() and pair.target.strip()]
    dropped = len(pairs) - len(kept)
    if not kept:
        raise InputError(
            f"{name}: no examples ({len(pairs):,} {pluralise('line', dropped)}, "
            "each with a blank side)"
        )
    if dropped:
        found.append(f"{name}: {dropped:,} {pluralise('pair', dropped)} with a blank side left out")
    return kept


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
