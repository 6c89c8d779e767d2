"""Inputs longer than a model reads: what is cut is counted and said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ostinato.data.files.wording import pluralise
from ostinato.notices import notify
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.task import Task


def count_cuts(task: Task, records: Iterable[Any]) -> list[int]:
    """The tokens left out of each record; of a task that cuts nothing, none is looked at."""
    count = task.preprocessing.count_cut
    if type(task.preprocessing).count_cut is Preprocessing.count_cut:
        return []
    return [count(record) for record in records]


def collect_cuts(task: Task, inputs: Iterable[Any], cuts: list[int]) -> Iterator[Any]:
    """The same inputs, streamed; the tokens left out of each are appended to `cuts`."""
    for record in inputs:
        cuts.append(task.preprocessing.count_cut(record))
        yield record


def report_cuts(task: Task, records: Iterable[Any]) -> None:
    """Says how many of the records are cut."""
    notify_cut(count_cuts(task, records))


def notify_cut(cuts: Sequence[int]) -> None:
    """Says how many inputs were cut; `cuts` holds the number of tokens left out of each input."""
    if longer := sum(cut > 0 for cut in cuts):
        notify(
            f"{longer:,} of {len(cuts):,} {pluralise('input', len(cuts))} longer than the model "
            f"reads: {sum(cuts):,} tokens were left out"
        )
