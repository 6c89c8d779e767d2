"""Tasks whose --model names a recurrent cell or a baseline, all trained, saved and used by the same commands."""

from __future__ import annotations

from typing import Any, ClassVar

from ostinato.tasks.task import Task


class ManyModels(Task):
    """A task with an option `model`; those of `solved_models` are counted or solved by fit(), not trained step by step."""

    model: str
    solved_models: ClassVar[tuple[str, ...]]

    @classmethod
    def as_model(cls, name: str) -> dict[str, Any]:
        return {"model": name}

    @property
    def solved(self) -> bool:
        return self.model in self.solved_models
