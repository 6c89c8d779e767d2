"""Runs of a recurrent layer by the reference loop, with the inputs and states of each cell."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.cells.cell import Cell, steps
from ostinato.cells.state import State
from ostinato.layers.recurrent import Recurrent


class Call(NamedTuple):
    """How one layer and direction was run.

    Attributes:
        cell: The cell.
        x: Its inputs [B, T, D].
        states: S_0 to S_T.
    """

    cell: Cell
    x: Tensor
    states: list[State]


def record_calls(
    recurrent: Recurrent, x: Tensor, lengths: Tensor | None = None
) -> tuple[Tensor, list[Call]]:
    """Runs the layer by the reference loop, with its graph.

    Args:
        recurrent: The layer.
        x: [B, T, D].
        lengths: [B], or None.

    Returns:
        The outputs [B, T, output_size], and a Call for each layer and direction.
    """
    seen = []

    def watch(cell: Cell, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        states = [state, *steps(cell, x, state, lengths)]
        seen.append(Call(cell, x, states))
        return torch.stack([each[0] for each in states[1:]], dim=1), states[-1]

    outputs, _ = recurrent.run_layers(watch, x, lengths, None)
    return outputs, seen


def find_call(recurrent: Recurrent, x: Tensor, layer: int, direction: int) -> Call:
    """The Call of one layer and direction on a sequence x [T, D], without its graph.

    Raises:
        ValueError: No such layer, x of another shape, or zoneout in training mode.
    """
    if x.dim() != 2 or not len(x):
        raise ValueError(f"x must be one sequence [T, D] of at least one step; got {list(x.shape)}")
    if not (0 <= layer < recurrent.layers and 0 <= direction < recurrent.directions):
        raise ValueError(
            f"layer must be below {recurrent.layers} and direction below {recurrent.directions}; "
            f"got {layer} and {direction}"
        )
    if recurrent.training and any(recurrent.regularisation["zoneout"]):
        raise ValueError(
            "recurrent must be in evaluation mode: with zoneout each training step is drawn anew"
        )
    with torch.no_grad():
        _, seen = record_calls(recurrent, x[None])
    return seen[layer * recurrent.directions + direction]


def check_steps(step: int, earlier: int, last: int) -> None:
    """Raises ValueError unless 0 <= earlier <= step <= last."""
    if not 0 <= earlier <= step <= last:
        raise ValueError(
            f"steps must be 0 <= earlier <= step <= {last}; got earlier={earlier}, step={step}"
        )


def flatten_state(state: State) -> Tensor:
    """The parts of a state side by side, [B, S]."""
    return torch.cat(list(state), dim=-1)
