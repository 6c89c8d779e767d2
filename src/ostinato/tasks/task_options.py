"""The base of every task's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class TaskOptions:
    """The base of every task's options."""

    closed_form_models: ClassVar[tuple[str, ...]] = ()  # models fitted by counting or a solver
    # keys of a format 1 state that are not options, though options of the same names exist
    format_1_state_only: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Checks options against each other; subclasses call it first."""

    @classmethod
    def data_defaults(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Defaults of task or training options that depend on the options given."""
        return {}

    @classmethod
    def as_model(cls, name: str) -> dict[str, Any]:
        """The options that select a model, given its name in `compare`."""
        return {"cell": name}

    @property
    def closed_form(self) -> bool:
        """Whether the model is fitted by counting or by a solver, without gradient steps."""
        return False

    def at_a_terminal(self) -> Self:
        """The options for interactive use, where inputs arrive one by one."""
        return self
