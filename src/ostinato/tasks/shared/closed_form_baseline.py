"""A baseline that is one of the task's own models, fitted by counting or by a solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from ostinato import options
from ostinato.notices import silence_notices
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.task import Task


class ClosedFormBaseline(Baseline):
    """The task with another `--model`, and the network that was fitted for it."""

    def __init__(self, task: Task, network: nn.Module):
        self.task, self.network = task, network
        self.name = self.display_name(task.options.model)

    @staticmethod
    def display_name(model: str) -> str:
        """The model's name in reports: display_name("bag-of-words") -> "bag of words"."""
        return model.replace("-", " ")

    @classmethod
    def fit(cls, task: Task, records: Any, **changes: Any) -> Self:
        """Fits `task` with some options changed to the training records."""
        other = Task(task.definition, replace(task.options, **changes))
        with silence_notices():
            other = other.fit(records)
        network = other.build_network()
        other.initialise(network)
        return cls(other, network.eval())

    @property
    def has_probabilities(self) -> bool:
        return hasattr(self.task.predictor, "own_rows")

    def label_rows(self, records: Any, names: Sequence[str]) -> list[np.ndarray]:
        with silence_notices():
            rows = self.task.predictor.own_rows(self.network, records)
        known = {name: place for place, name in enumerate(self.task.preprocessing.labels.tokens)}
        if list(known) == list(names):
            return rows
        places = [known.get(name, -1) for name in names]  # -1: the column of zeros
        return [np.pad(row, ((0, 0), (0, 1)))[:, places] for row in rows]

    def measure(self, records: Any) -> dict[str, list[Counts]]:
        predictor = self.task.predictor
        with silence_notices():
            predictions = predictor.predict(self.network, records)
            return predictor.count(self.network, records, predictions)

    def state(self) -> dict[str, Any]:
        tensors = {
            name: round_numbers(tensor.tolist())
            for name, tensor in self.network.state_dict().items()
        }
        return {
            "options": options.to_dict(self.task.options),
            "state": self.task.preprocessing.to_dict(),
            "tensors": tensors,
        }

    @classmethod
    def restore(cls, task: Task, state: dict[str, Any]) -> Self:
        """The inverse of `state`; `task` gives the definition."""
        known = options.fields(task.definition.options)
        # runs of before kept options that the data had decided in the preprocessing's state
        decided = {name: value for name, value in state["state"].items() if name in known}
        fitted = task.definition.create({**state["options"], **decided}).restore(state["state"])
        network = fitted.build_network()
        network.load_state_dict(
            {
                name: torch.tensor(values, dtype=torch.float32)
                for name, values in state["tensors"].items()
            }
        )
        return cls(fitted, network.eval())


def round_numbers(values: Any) -> Any:
    """Numbers in nested lists, with nine digits: enough to restore every float32."""
    if isinstance(values, list):
        return [round_numbers(value) for value in values]
    return float(f"{values:.9g}")
