"""The option of a cache folder, from which training data larger than memory is read."""

from __future__ import annotations

from dataclasses import dataclass

from ostinato.options import option
from ostinato.tasks.task_options import TaskOptions


@dataclass(frozen=True)
class CacheOptions(TaskOptions):
    cache: str | None = option(
        None,
        "for training data larger than memory: index it in this folder and read it from there",
        group="data",
        path="written",
    )
