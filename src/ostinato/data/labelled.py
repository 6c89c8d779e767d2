"""Labelled sequences from the files people have: tables, a folder a class, a file a class, and series of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ostinato.data.files.lines import FilePath, iterate_lines
from ostinato.data.files.table import Row, is_table, read_table
from ostinato.data.files.wording import display_path
from ostinato.data.series.series import is_series, read_series
from ostinato.errors import InputError

FEW = 20  # in a table without a header: so many labels at most may stand before their texts rather than behind them


class Labelled(NamedTuple):
    """Labelled("a fine film", "good", "train.tsv:7"): a text or a series [T, D], its label as it was written ("" where
    there is none), and where it stands."""

    inputs: str | np.ndarray
    label: str = ""
    where: str = ""


def read_labelled(
    files: Sequence[FilePath],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    known: Sequence[str] = (),
    unlabelled: bool = False,
    notices: list[str] | None = None,
) -> list[Labelled]:
    """The labelled texts or series of the files, each of which may be

        a table (TSV, CSV, JSONL, Parquet)   columns text and label, or those named; a TSV of two columns needs no header
        a folder                             of one folder a class with a text a file, or of one file a class with a text a line
        several text files without tabs      one a class, a text a line; the file's name is the label
        .ts or .npz                          series of numbers

    known       labels of a trained model: they tell which column is which where no header does
    unlabelled  a row may have no label, where several are allowed
    notices     what the reader should know, a line each, is added here

    InputError, with file and line: a row without a label, no such column, nothing to read, texts and series mixed."""
    if not files:
        raise InputError(
            "no file given; expected a table with columns text and label, a folder a class, .ts or .npz"
        )
    notices = [] if notices is None else notices
    records: list[Labelled] = []
    for file in files:
        found = list(read_one(file, len(files), text_column, label_column, known, notices))
        if not found:
            raise InputError(f"{display_path(file)}: no examples (0 lines)")
        records += found
    if len({isinstance(record.inputs, str) for record in records}) > 1:
        raise InputError(
            f"{' '.join(map(display_path, files))}: texts and series of numbers cannot be mixed; give files of one kind"
        )
    missing = None if unlabelled else next((record for record in records if not record.label), None)
    if missing is not None:
        raise InputError(f"{missing.where}: no label; complete the row or remove it")
    return records


def read_one(
    file: FilePath,
    of: int,
    text_column: str | None,
    label_column: str | None,
    known: Sequence[str],
    notices: list[str],
) -> Iterator[Labelled]:
    if is_series(file):
        return (Labelled(series.values, series.label, series.where) for series in read_series(file))
    if Path(file).is_dir():
        return read_folder(Path(file))
    table = (
        is_table(file) or str(file) == "-" or text_column or label_column
    )  # standard input can be read but once
    if not table and not has_tabs(file):
        if of == 1:
            raise InputError(
                f"{display_path(file)}: texts without labels; expected a table with columns text and label, "
                "or several files, one a class"
            )
        return read_class(Path(file))
    return iter(read_rows(file, text_column, label_column, known, notices))


def read_rows(
    file: FilePath,
    text_column: str | None,
    label_column: str | None,
    known: Sequence[str],
    notices: list[str],
) -> list[Labelled]:
    names = {"text": text_column, "label": label_column}
    rows = list(read_table(file, ("text", "label"), names=names))
    records = [
        Labelled(text_of(row), label_of(row), f"{display_path(file)}:{row.line}") for row in rows
    ]
    missing = next(
        (row for row in rows if row.values["text"] is None), None
    )  # null; an empty text is a text
    if missing is not None:
        raise InputError(
            f"{display_path(file)}:{missing.line}: no text; complete the row or remove it"
        )
    headless = (
        bool(rows)
        and rows[0].line == 1
        and list(rows[0].values) == ["text", "label"]
        and not (text_column or label_column)
    )
    if headless and labels_come_first(records, known):
        notices.append(
            f"{display_path(file)}: read as label, text: its first column has the labels"
        )
        records = [
            Labelled(record.label, record.inputs.strip(), record.where) for record in records
        ]
    return records


def text_of(row: Row) -> str:
    """A text on one line: a quoted field of a CSV may hold line ends."""
    return row.text("text").replace("\r", " ").replace("\n", " ")


def label_of(row: Row) -> str:
    """A label as text: true and false are labels, too; null, and the NaN that tables have for it, are none."""
    value = row.values["label"]
    if isinstance(value, bool):
        return str(value).lower()
    return "" if isinstance(value, float) and math.isnan(value) else row.text("label").strip()


def labels_come_first(records: Sequence[Labelled], known: Sequence[str]) -> bool:
    """Whether a table without a header surely has its labels before its texts.

    Sure are labels that a trained model knows; or a first column of a few one-word values, each again and again, beside
    a second whose values hardly ever recur and have several words."""
    first, second = (
        [record.inputs.strip() for record in records],
        [record.label for record in records],
    )
    if known:
        return set(first) <= set(known) and not set(second) & set(known)
    few = len(set(first)) <= min(FEW, len(first) // 3) and not any(
        " " in value for value in set(first)
    )
    many = len(set(second)) > 0.8 * len(second) and sum(
        " " in value for value in second
    ) > 0.8 * len(second)
    return few and many


def has_tabs(file: FilePath) -> bool:
    """Whether the first line that is not blank has a tab in it (or looks like JSON): a table, whatever its name."""
    first = next((line for line in iterate_lines(file) if line.strip()), "")
    return "\t" in first or first.lstrip().startswith("{")


def read_class(file: Path) -> Iterator[Labelled]:
    """A text a line; the label is the file's name without its ending: "French.txt" -> "French"."""
    label = file.name.removesuffix(".gz").removesuffix(".txt")
    for number, line in enumerate(iterate_lines(file), start=1):
        if line.strip():
            yield Labelled(line, label, f"{file}:{number}")


def read_folder(folder: Path) -> Iterator[Labelled]:
    """One folder a class with a text a file, or one file a class with a text a line. Names that start with a dot are left out."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    classes = [path for path in inside if path.is_dir()]
    if not inside:
        raise InputError(
            f"{folder}: an empty folder; expected one folder a class, or one file a class"
        )
    for path in classes:
        for file in sorted(path.rglob("*")):
            if file.is_file() and not file.name.startswith("."):
                yield Labelled(
                    " ".join(" ".join(iterate_lines(file)).split()), path.name, str(file)
                )
    for path in inside if not classes else ():
        yield from read_class(path)


def read_unlabelled(
    files: Sequence[FilePath], *, text_column: str | None = None
) -> Iterator[Labelled]:
    """What is to be labelled: a text a line, the text column of a table, or series; one for each line, blank ones, too."""
    for file in files:
        if is_series(file):
            yield from (
                Labelled(series.values, series.label, series.where) for series in read_series(file)
            )
        elif is_table(file):
            for row in read_table(
                file, ("text",), optional=("label",), names={"text": text_column}, keep_blank=True
            ):
                yield Labelled(text_of(row), "", f"{display_path(file)}:{row.line}")
        else:
            yield from (
                Labelled(line, "", f"{display_path(file)}:{number}")
                for number, line in enumerate(iterate_lines(file), start=1)
            )
