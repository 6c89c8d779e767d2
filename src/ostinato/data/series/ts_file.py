"""Labelled series in the `.ts` files of the UCR and UEA archives.

Rows and dimensions are counted from 1 in messages, as lines are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path, pluralise, quote
from ostinato.data.series.labelled_series import LabelledSeries
from ostinato.errors import InputError, nearest

MISSING = ("?", "", "nan")  # what archives pad shorter series with


def read_ts_file(file: FilePath) -> Iterator[LabelledSeries]:
    """The series of a `.ts` file, which may differ in length.

    A line has dimensions between ":", each of values between ",", and the label last.

    Raises:
        InputError: with the line: a value that is not a finite number, dimensions of differing
            length or number, a label that the header does not name, time stamps, a regression
            target.
    """
    lines = enumerate(iterate_lines(file), start=1)
    header = read_header(lines, file)
    labelled, *names = header.get("classlabel") or ["false"]
    dimensions = (header.get("dimensions") or [""])[0]
    wanted = int(dimensions) if dimensions.isdecimal() and len(dimensions) < 10 else None
    for number, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{display_path(file)}:{number}"
        parts = line.strip().split(":")
        label = parts.pop().strip() if labelled.lower() == "true" else ""
        if label not in names and names and labelled.lower() == "true":
            raise InputError(
                f"{where}: the label {quote(label)} is not among those of @classLabel"
                f"{nearest(label, names)}"
            )
        values = [
            parse_dimension(part, where, place)
            for place, part in enumerate(trim_missing(parts), start=1)
        ]
        if not any(values):
            raise InputError(f"{where}: a label without a series")
        wanted = wanted or len(values)
        if len(values) != wanted:
            raise InputError(
                f"{where}: {len(values)} {pluralise('dimension', len(values))}, "
                f"expected {wanted}, as of every series"
            )
        lengths = [len(row) for row in values]
        if len(set(lengths)) > 1:
            listed = ", ".join(map(str, lengths[:20]))
            raise InputError(
                f"{where}: dimensions of differing length ({listed}); "
                "each step needs a value of each"
            )
        yield LabelledSeries(np.array(values, dtype=np.float32).T, label, where)


def read_header(lines: Iterator[tuple[int, str]], file: FilePath) -> dict[str, list[str]]:
    """{"classlabel": ["true", "a", "b"], ...}, up to @data."""
    header: dict[str, list[str]] = {}
    number = 0
    for number, line in lines:
        line = line.strip()
        if not line or line.startswith(("#", "%")):
            continue
        if not line.startswith("@"):
            raise InputError(
                f"{display_path(file)}:{number}: expected a header line such as @classLabel, "
                f"or @data; got {quote(line, 40)}"
            )
        name, *words = line[1:].split() or [""]
        if name.lower() == "data":
            break
        header[name.lower()] = words
    else:
        raise InputError(
            f"{display_path(file)}:{number}: no @data line; "
            "is it a .ts file of the UCR/UEA archives?"
        )
    if [word.lower() for word in header.get("timestamps", [])[:1]] == ["true"]:
        raise InputError(
            f"{display_path(file)}: series with time stamps; "
            "write equally spaced values without them"
        )
    if [word.lower() for word in header.get("targetlabel", [])[:1]] == ["true"]:
        raise InputError(
            f"{display_path(file)}: has numbers to predict (@targetLabel), "
            "not classes (@classLabel)"
        )
    return header


def trim_missing(dimensions: list[str]) -> list[str]:
    """Dimensions without the steps at their ends whose values are missing in all of them.

    trim_missing(["1,2,?", "3,4,?"]) -> ["1,2", "3,4"]"""
    rows = [dimension.split(",") for dimension in dimensions]
    if len({len(row) for row in rows}) == 1:
        while rows[0] and all(row[-1].strip().lower() in MISSING for row in rows):
            for row in rows:
                row.pop()
    return [",".join(row) for row in rows]


def parse_dimension(text: str, where: str, dimension: int) -> list[float]:
    """parse_dimension("0.5,1", ...) -> [0.5, 1.0]; InputError for what float32 cannot hold."""
    values = []
    for step, word in enumerate(text.split(",") if text else (), start=1):
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not abs(value) <= np.finfo(np.float32).max:  # NaN, too
            what = "a missing value" if word.strip() in ("?", "") else quote(word.strip(), 40)
            raise InputError(
                f"{where}: dimension {dimension}, step {step}: {what} is not a finite number; "
                "fill it in or remove the series"
            )
        values.append(value)
    return values
