"""The rows of a series in the order of time, and each row's step on the regular time axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path
from ostinato.data.series.frequency import Frequency, find_frequency
from ostinato.data.series.number_table import NumberTable
from ostinato.data.series.series_columns import SeriesColumns
from ostinato.data.series.time_axis import TimeAxis
from ostinato.errors import InputError
from ostinato.notices import notify

MOST_GAPPED = 5  # a series of fewer stamps may be a frequency's with gaps


def sort_rows(
    file: FilePath, table: NumberTable, rows: np.ndarray, name: str, regular: bool
) -> tuple[np.ndarray, int | None]:
    """The rows of a series in the order of time, and the line of the first one out of order.

    Where time stamps need not be regular, rows are steps and stay in the order of the file.

    Raises:
        InputError: a time stamp twice.
    """
    times, odd = table.times[rows], None
    steps = np.diff(times)
    if (steps < 0).any():
        odd = int(table.lines[rows[int((steps < 0).argmax()) + 1]])
    if not regular:
        return rows, odd
    if odd is not None:
        rows = rows[np.argsort(times, kind="stable")]
        steps = np.diff(table.times[rows])
    if (steps == 0).any():
        row = rows[int((steps == 0).argmax()) + 1]
        raise InputError(
            f"{display_path(file)}:{table.lines[row]}: {of(name)}the time stamp "
            f"{table.form.write(table.times[row])} is there twice; remove one of the two rows"
        )
    return rows, odd


def report_unsorted(file: FilePath, unsorted: Sequence[tuple[str, int]], *, regular: bool) -> None:
    """Says which series had rows out of order, the first by its line, and what becomes of them."""
    if unsorted:
        (name, line), others = unsorted[0], len(unsorted) - 1
        more = f" (and of {others:,} other series)" if others else ""
        done = "sorted by time" if regular else "read in the order of the file"
        notify(f"{display_path(file)}:{line}: {of(name)}rows out of order{more}; {done}")


def of(name: str) -> str:
    """of("a") -> "series 'a': "; of("") -> "" """
    return f"series {name!r}: " if name else ""


def align(
    file: FilePath,
    table: NumberTable,
    rows: np.ndarray,
    name: str,
    columns: SeriesColumns,
    frequency: Frequency | None,
) -> tuple[TimeAxis, np.ndarray, int]:
    """The axis of a series, the step of each of its rows, and its number of steps."""
    times = table.times[rows]
    if not columns.regular:
        found = find_frequency(np.unique(times), dated=table.form.dated)
        found = found or Frequency("second" if table.form.dated else "step")
        positions, phases = found.split(times[:1])
        axis = TimeAxis(found, int(positions[0]), int(phases[0]), table.form)
        return axis, np.arange(len(rows)), len(rows)
    own = find_frequency(times, dated=table.form.dated) if len(times) > 2 else frequency
    own = own or find_frequency(times, dated=table.form.dated)
    if own is not None and frequency is not None and own != frequency:
        finer = regular_at(frequency, times) and len(times) < MOST_GAPPED
        own = frequency if finer else own
    if own is None or not regular_at(own, times):
        usual = own or Frequency("second", max(1, int(np.median(np.diff(times)))))
        row = rows[first_irregular(usual, times)]
        raise InputError(
            f"{display_path(file)}:{table.lines[row]}: {of(name)}time stamps are irregular from "
            f"{table.form.write(table.times[row])} on; give equally spaced ones"
        )
    positions, phases = own.split(times)
    places = positions - positions[0]
    axis = TimeAxis(own, int(positions[0]), int(phases[0]), table.form)
    return axis, places, int(places[-1]) + 1


def regular_at(frequency: Frequency, times: np.ndarray) -> bool:
    """Whether all times fit a frequency, gaps allowed."""
    positions, phases = frequency.split(times)
    return bool((phases == phases[0]).all() and (np.diff(positions) > 0).all())


def first_irregular(frequency: Frequency, times: np.ndarray) -> int:
    """The index of the first time that does not fit."""
    positions, phases = frequency.split(times)
    wrong = (phases != phases[0]) | (np.diff(positions, prepend=positions[0] - 1) <= 0)
    return int(wrong.argmax())
