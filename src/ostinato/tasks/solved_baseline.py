"""A baseline that is one of the task's own models: one that is counted or solved, not trained step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import nn

from ostinato import options
from ostinato.notices import silence_notices
from ostinato.tasks.legacy import Baseline, Counts, Record, Task


class SolvedBaseline(Baseline):
    """A task of its own, the same but for its `--model`, and the solved network of that task."""

    def __init__(self, task: Task, network: nn.Module):
        self.task, self.network = task, network
        self.name = self.shown(task.model)

    @staticmethod
    def shown(model: str) -> str:
        """What reports call the model: shown("bag-of-words") -> "bag of words" """
        return model.replace("-", " ")

    @classmethod
    def of(cls, task: Task, records: Sequence[Record], **changes: Any) -> Self:
        """The baseline learned from `records`, by the task with these options changed."""
        other = options.build(type(task), {**options.to_dict(task), **changes})
        with silence_notices():  # they would repeat the network's
            other.fit(records)
        network = other.network()
        other.initialise(network)
        return cls(other, network.eval())

    def measure(self, records: Sequence[Record]) -> dict[str, list[Counts]]:
        return self.task.measure(self.network, records, self.task.predict(self.network, records))

    def state(self) -> dict[str, Any]:
        tensors = {
            name: rounded(tensor.tolist()) for name, tensor in self.network.state_dict().items()
        }
        return {
            "options": options.to_dict(self.task),
            "state": self.task.state(),
            "tensors": tensors,
        }

    @classmethod
    def restore(cls, kind: type[Task], state: dict[str, Any]) -> Self:
        """What state() gave, as a task of this kind and its network."""
        task = options.build(kind, state["options"])
        task.restore(state["state"])
        network = task.network()
        network.load_state_dict(
            {
                name: torch.tensor(values, dtype=torch.float32)
                for name, values in state["tensors"].items()
            }
        )
        return cls(task, network.eval())


def rounded(values: Any) -> Any:
    """Numbers, however deep in lists, with nine digits: enough to give every float32 back."""
    return (
        [rounded(value) for value in values] if isinstance(values, list) else float(f"{values:.9g}")
    )
