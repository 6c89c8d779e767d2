"""Options of tasks that read tables of time series: the columns of names, times and values."""

from __future__ import annotations

from dataclasses import dataclass

from ostinato.options import option
from ostinato.tasks.task_options import TaskOptions


@dataclass(frozen=True)
class SeriesOptions(TaskOptions):
    id_column: str | None = option(
        None,
        "column of the series' names (default: unique_id, series_id, item_id, id)",
        group="data",
        or_number=True,
    )
    time_column: str | None = option(
        None,
        "column of the time stamps (default: ds, date, timestamp, time, ...)",
        group="data",
        or_number=True,
    )
    target_column: str | None = option(
        None,
        "column of the values of a long table (default: y, value, target)",
        group="data",
        or_number=True,
    )
