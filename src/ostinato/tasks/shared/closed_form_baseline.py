"""A baseline that is one of the task's closed-form models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from ostinato import options
from ostinato.notices import silence_notices
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.task import Task

OTHER = "other"  # prefix of the names of the simpler baselines' tensors


class ClosedFormBaseline(Baseline):
    """A copy of the task with another `--model`, and the closed-form network fitted for it.

    Args:
        task: The fitted task with that model.
        network: The closed-form network.
        others: Further baselines for the report.
    """

    def __init__(self, task: Task, network: nn.Module, others: Sequence[Self] = ()):
        self.task, self.network, self.others = task, network, list(others)
        self.name = self.display_name(task.options.model)

    @staticmethod
    def display_name(model: str) -> str:
        """The model's name in reports: display_name("bag-of-words") -> "bag of words"."""
        return model.replace("-", " ")

    @classmethod
    def fit(cls, task: Task, records: Any, **changes: Any) -> Self:
        """Fits a copy of `task` with changed options to the training records."""
        other = Task(task.definition, replace(task.options, **changes))
        with silence_notices():
            other = other.fit(records)
        network = other.build_network()
        other.initialise(network)
        return cls(other, network.eval())

    @property
    def simpler(self) -> Sequence[Baseline]:
        return self.others

    def measure(self, records: Any) -> dict[str, list[Counts]]:
        predictor = self.task.predictor
        with silence_notices():
            predictions = predictor.predict(self.network, records)
            return predictor.count(self.network, records, predictions)

    def state(self) -> dict[str, Any]:
        others = [each.state() for each in self.others]
        return {
            "options": options.to_dict(self.task.options),
            "state": self.task.preprocessing.to_dict(),
            **({"others": others} if others else {}),
        }

    def tensors(self) -> dict[str, Tensor]:
        others = {
            f"{OTHER}{place}.{name}": tensor
            for place, each in enumerate(self.others)
            for name, tensor in each.tensors().items()
        }
        return {
            name: tensor.detach().contiguous() for name, tensor in self.network.state_dict().items()
        } | others

    @classmethod
    def restore(cls, task: Task, state: dict[str, Any]) -> Self:
        """The inverse of `state` and `tensors`; `task` gives the definition."""
        known = options.fields(task.definition.options)
        # older versions saved options that the data decides in the preprocessing's state
        decided = {name: value for name, value in state["state"].items() if name in known}
        fitted = task.definition.create({**state["options"], **decided}).restore(state["state"])
        network = fitted.build_network()
        tensors: Mapping[str, Any] = state.get("tensors", {})
        network.load_state_dict(
            {
                name: torch.as_tensor(
                    values, dtype=torch.float32
                )  # lists in runs of older versions
                for name, values in tensors.items()
                if not name.startswith(OTHER)
            }
        )
        others = []
        for place, each in enumerate(state.get("others", [])):
            begin = f"{OTHER}{place}."
            own = {
                name.removeprefix(begin): tensor
                for name, tensor in tensors.items()
                if name.startswith(begin)
            }
            others.append(cls.restore(task, {**each, "tensors": own}))
        return cls(fitted, network.eval(), others)
