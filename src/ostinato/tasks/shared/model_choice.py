"""Options of tasks whose --model names a recurrent cell or a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ostinato.cells import CELLS
from ostinato.tasks.task_options import TaskOptions


@dataclass(frozen=True)
class ModelChoice(TaskOptions):
    """Options with a `model` and a `cell` field; `--model gru` means a recurrent network of
    that cell.

    As a mixin it must come before the class that declares the two fields.
    """

    def __post_init__(self) -> None:
        model: str = self.model  # type: ignore[attr-defined]  # declared by the subclass
        if model in CELLS:
            object.__setattr__(self, "cell", model)
            object.__setattr__(self, "model", "recurrent")
        super().__post_init__()

    @classmethod
    def as_model(cls, name: str) -> dict[str, Any]:
        return {"model": name}

    @property
    def closed_form(self) -> bool:
        return self.model in self.closed_form_models  # type: ignore[attr-defined]
