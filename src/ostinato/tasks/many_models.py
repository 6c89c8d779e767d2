"""Tasks whose --model names a recurrent cell or a baseline, all trained, saved and used by the same commands."""

from __future__ import annotations

from typing import Any

from ostinato.cells import CELLS
from ostinato.tasks.legacy import Task


class ManyModels(Task):
    """A task with options `model` and `cell`; a cell named as the model is a recurrent network of it."""

    model: str
    cell: str

    def __post_init__(self) -> None:
        if self.model in CELLS:
            self.model, self.cell = "recurrent", self.model

    @classmethod
    def as_model(cls, name: str) -> dict[str, Any]:
        return {"model": name}

    @property
    def solved(self) -> bool:
        return self.model in self.solved_models
