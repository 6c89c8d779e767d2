"""Options of the recurrent network, shared by all tasks. A task changes a default like this:

hidden_size: int = redefine(RecurrentOptions, "hidden_size", 512)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from ostinato.cells import CELLS, Cell, CellType
from ostinato.cells.rnn import ACTIVATIONS
from ostinato.errors import InputError, option_name
from ostinato.layers.recurrent import MERGES
from ostinato.options import OneOf, option
from ostinato.tasks.task_options import TaskOptions

ACTIVATED = ("rnn", "jordan", "indrnn")  # cells whose activation can be chosen


@dataclass(frozen=True)
class RecurrentOptions(TaskOptions):
    """The recurrent cell, its size and its regularisation."""

    cell: Annotated[str, OneOf(*CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(256, "units of each layer", minimum=1)
    layers: int = option(1, "recurrent layers", minimum=1, maximum=100)
    dropout: float = option(
        0.3, "on the inputs, between layers and before the output", minimum=0, maximum=0.99
    )
    activation: Annotated[str, OneOf(*ACTIVATIONS)] | None = option(
        None, "activation of the hidden units of --cell rnn, jordan or indrnn (default: the cell's)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.activation is not None and self.cell not in ACTIVATED:
            raise InputError(
                f"{option_name('activation')} is for {option_name('cell')} "
                f"{' or '.join(ACTIVATED)}; got {option_name('cell')} {self.cell}"
            )

    @property
    def cell_type(self) -> CellType:
        """The cell of --cell with --activation."""
        if self.activation is None:
            return CELLS[self.cell]
        build: Callable[..., Cell] = CELLS[self.cell]
        return partial(build, activation=self.activation)


@dataclass(frozen=True)
class MergeOptions(RecurrentOptions):
    """Options of a network that reads in both directions."""

    merge: Annotated[str, OneOf(*MERGES)] = option(
        "concat",
        "how the outputs of both directions become one: concat (half of the units each), "
        "sum, mean or product (all units each)",
    )


@dataclass(frozen=True)
class BidirectionalOptions(MergeOptions):
    """Options of a network that reads in one direction or in both."""

    hidden_size: int = option(256, "units of each layer, both directions together", minimum=1)
    bidirectional: bool = option(True, "read the sequence in both directions")

    def __post_init__(self) -> None:
        super().__post_init__()
        # of the models of a task with --model, only the recurrent one has directions
        recurrent = getattr(self, "model", "recurrent") == "recurrent"
        halved = self.bidirectional and self.merge == "concat"
        if recurrent and halved and self.hidden_size % 2:
            raise InputError(
                f"{option_name('hidden_size')} must be even with "
                f"{option_name('bidirectional')}; got {self.hidden_size}"
            )
        if self.merge != "concat" and not self.bidirectional:
            raise InputError(
                f"{option_name('merge')} {self.merge} needs {option_name('bidirectional')}"
            )
