"""Options of the recurrent network that all tasks share. A task with other defaults redefines them:

hidden_size: int = redefine(RecurrentOptions, "hidden_size", 512)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ostinato.cells import CELLS
from ostinato.errors import InputError
from ostinato.options import option
from ostinato.tasks.task import TaskOptions


@dataclass(frozen=True)
class RecurrentOptions(TaskOptions):
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(256, "units of each layer", minimum=1)
    layers: int = option(1, "recurrent layers", minimum=1, maximum=100)
    dropout: float = option(
        0.3, "on the inputs, between layers and before the output", minimum=0, maximum=0.99
    )


@dataclass(frozen=True)
class BidirectionalOptions(RecurrentOptions):
    hidden_size: int = option(256, "units of each layer, both directions together", minimum=1)
    bidirectional: bool = option(True, "read the sequence in both directions")

    def __post_init__(self) -> None:
        super().__post_init__()
        # of the models of a task with --model, only the recurrent one has directions
        recurrent = getattr(self, "model", "recurrent") == "recurrent"
        if recurrent and self.bidirectional and self.hidden_size % 2:
            raise InputError(
                f"--hidden-size must be even with --bidirectional; got {self.hidden_size}"
            )
