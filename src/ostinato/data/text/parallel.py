"""Sentence pairs from two line-aligned files, or from tables with a source and a target column."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from ostinato.data.files.csv import delimiter_of
from ostinato.data.files.lines import FilePath, iterate_lines, read_lines
from ostinato.data.files.table import ALIASES, is_table, read_table
from ostinato.data.files.wording import display_path, pluralise, truncate_text
from ostinato.data.text.alignment import where_they_part
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
    """The pairs of two text files (line i of one is line i of the other), or of one or more TSV, CSV, JSONL or Parquet
    tables; any of them gzipped.

    read_pairs(["train.en", "train.fr"]);  read_pairs(["train.tsv"], source_column="english")

    long_lines  a side of more than `maximum_line` characters is cut there, and counted ("cut"), or refused ("refuse")
    keep_blank  a pair with a blank side is kept, for answers line by line; else left out, and counted
    notices     what was cut or left out is said here, one line each; or as a Python warning

    InputError: no such file, other than two text files, different numbers of lines, no such column, no pair at all."""
    if not files:
        raise InputError(
            "no file given; expected two aligned text files, or one table with source and target columns"
        )
    names = {"source": source_column, "target": target_column}
    if len(files) == 1 and not (
        is_table(files[0]) or any(names.values()) or like_a_table(files[0])
    ):
        raise InputError(
            f"{display_path(files[0])}: one text file; expected two aligned ones (source target), or one table with columns "
            "source and target, such as a .tsv"
        )
    if len(files) == 1 or all(is_table(file) for file in files):
        rows = (
            row
            for file in files
            for row in read_table(file, tuple(names), names=names, keep_blank=keep_blank)
        )
        pairs = [Pair(one_line(row.text("source")), one_line(row.text("target"))) for row in rows]
    elif len(files) == 2:
        pairs = list(map(Pair, *aligned(*files)))
    else:
        raise InputError(
            f"{len(files)} files given; expected two aligned text files, or tables (.tsv, .csv, .jsonl)"
        )
    name = " ".join(map(display_path, files))
    if not pairs:
        raise InputError(f"{name}: no examples (0 lines)")
    said: list[str] = []
    pairs = [
        Pair(*sides)
        for sides in zip(*limited(pairs, name, maximum_line, long_lines, said), strict=True)
    ]
    if not keep_blank:
        pairs = without_blanks(pairs, name, said)
    report(said, notices)
    return pairs


def like_a_table(file: FilePath) -> bool:
    """Whether the first line of a file with another name looks like a table's: an object, tabs, or a header that names a target."""
    if os.fspath(file) == "-":  # what is read of a pipe is gone
        return True
    first = next(iterate_lines(file), "{")
    header = {name.strip().lower() for name in first.split(delimiter_of(first))}
    return (
        first.lstrip().startswith("{")
        or "\t" in first
        or not header.isdisjoint({"target", *ALIASES["target"]})
    )


def read_sources(
    files: Sequence[FilePath],
    *,
    source_column: str | None = None,
    maximum_line: int = MAXIMUM_LINE,
    long_lines: str = "cut",
    notices: list[str] | None = None,
) -> list[str]:
    """What to translate: the lines of text files or of standard input ("-"), or the source column of tables.

    One for each line, blank ones too. InputError as `read_pairs`, but no line at all is no error."""
    texts: list[str] = []
    names = {"source": source_column}
    for file in files:
        if is_table(file):
            rows = read_table(file, ("source",), optional=("target",), names=names, keep_blank=True)
            texts.extend(one_line(row.text("source")) for row in rows)
        else:
            texts.extend(iterate_lines(file))
    said: list[str] = []
    name = " ".join(map(display_path, files))
    (texts,) = (
        limited([(text,) for text in texts], name, maximum_line, long_lines, said)
        if texts
        else ([],)
    )
    report(said, notices)
    return texts


def aligned(source_file: FilePath, target_file: FilePath) -> tuple[list[str], list[str]]:
    """The lines of both files, which must be as many."""
    sources, targets = read_lines(source_file), read_lines(target_file)
    if len(sources) != len(targets):
        counts = f"{display_path(source_file)} has {len(sources):,} lines, {display_path(target_file)} {len(targets):,}"
        raise InputError(
            f"{counts}; they must be line by line translations{where_they_part(sources, targets)}"
        )
    return sources, targets


def limited(
    rows: Sequence[tuple[str, ...]], name: str, maximum: int, long_lines: str, said: list[str]
) -> list[list[str]]:
    """The columns of rows, each text at most `maximum` characters."""
    if long_lines not in ("cut", "refuse"):
        raise ValueError(f"long_lines: expected 'cut' or 'refuse'; got {long_lines!r}")
    number = 0
    for place, row in enumerate(rows, start=1):
        longest = max(map(len, row))
        if longest > maximum and long_lines == "refuse":
            raise InputError(
                f"{name}: example {place} has {longest:,} characters, more than {maximum:,}; shorten it"
            )
        number += longest > maximum
    if not number:
        return [list(column) for column in zip(*rows, strict=True)]
    said.append(
        f"{name}: {number:,} {pluralise('line', number)} of more than {maximum:,} characters cut to that"
    )
    return [[truncate_text(text, maximum) for text in column] for column in zip(*rows, strict=True)]


def without_blanks(pairs: list[Pair], name: str, said: list[str]) -> list[Pair]:
    """The pairs both sides of which have something to read."""
    kept = [pair for pair in pairs if pair.source.strip() and pair.target.strip()]
    dropped = len(pairs) - len(kept)
    if not kept:
        raise InputError(
            f"{name}: no examples ({len(pairs):,} {pluralise('line', dropped)}, each with a blank side)"
        )
    if dropped:
        said.append(f"{name}: {dropped:,} {pluralise('pair', dropped)} with a blank side left out")
    return kept


def one_line(text: str) -> str:
    """A text from a table without its line ends: one line in is one line out."""
    return text.replace("\r\n", " ").replace("\n", " ") if "\n" in text else text


def report(said: list[str], notices: list[str] | None) -> None:
    for line in said:
        if notices is None:
            warnings.warn(line, stacklevel=3)
        else:
            notices.append(line)
