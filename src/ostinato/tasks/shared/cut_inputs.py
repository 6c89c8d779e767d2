"""Counts and reports the tokens that are cut from inputs longer than the model reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ostinato.data.files.wording import pluralise
from ostinato.notices import notify
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.task import Task


def count_cuts(task: Task, records: Iterable[Any]) -> list[int]:
    """The number of tokens cut from each record; an empty list if the task never cuts."""
    count = task.preprocessing.count_cut
    if type(task.preprocessing).count_cut is Preprocessing.count_cut:
        return []
    return [count(record) for record in records]


def collect_cuts(task: Task, inputs: Iterable[Any], cuts: list[int]) -> Iterator[Any]:
    """Yields the inputs, and appends the number of tokens cut from each to `cuts`."""
    for record in inputs:
        cuts.append(task.preprocessing.count_cut(record))
        yield record


def report_cuts(task: Task, records: Iterable[Any]) -> None:
    """Notifies the user of how many records are cut."""
    notify_cut(count_cuts(task, records))


def notify_cut(cuts: Sequence[int]) -> None:
    """Notifies the user of how many inputs were cut, given the number of tokens cut from each."""
    if longer := sum(cut > 0 for cut in cuts):
        notify(
            f"{longer:,} of {len(cuts):,} {pluralise('input', len(cuts))} longer than the model "
            f"reads: {sum(cuts):,} tokens were left out"
        )
