"""Traces: every gate and every state of a run, by name."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from ostinato.cells.cell import Cell, steps
from ostinato.cells.state import State
from ostinato.padding import padding_mask


@dataclass(frozen=True)
class Trace:
    """What `recurrent.trace(x, lengths)` recorded.

        trace.get("forget", layer=1)            # [B, T, H], zero beyond each length
        trace.names(layer=1)                    # ("input", "forget", "candidate", "output",
        "hidden", "cell")

    Attributes:
        outputs: What `recurrent(x, lengths)` returns first, [B, T, output_size].
        state: What it returns second.
        steps: For each layer and direction, in the order of the state: {name: [B, T, size]}; those
            of a backward direction are in the order of x, too.
        directions: 1 or 2.
    """

    outputs: Tensor
    state: State
    steps: tuple[dict[str, Tensor], ...]
    directions: int = 1

    def layer(self, layer: int = 0, direction: int = 0) -> dict[str, Tensor]:
        """{name: [B, T, size]} of one layer; direction 0 is forward, 1 backward."""
        layers = len(self.steps) // self.directions
        if not (-layers <= layer < layers and 0 <= direction < self.directions):
            raise ValueError(
                f"layer must be below {layers} and direction below {self.directions}; got {layer} "
                f"and {direction}"
            )
        return self.steps[layer % layers * self.directions + direction]

    def names(self, layer: int = 0) -> tuple[str, ...]:
        """The names of a layer's gates and states."""
        return tuple(self.layer(layer))

    def get(self, name: str, *, layer: int = 0, direction: int = 0) -> Tensor:
        """A gate or state by its name, [B, T, size]. Raises ValueError for an unknown one."""
        found = self.layer(layer, direction)
        if name not in found:
            raise ValueError(f"name must be one of {', '.join(found)}; got {name!r}")
        return found[name]


def run_traced(
    cell: Cell, x: Tensor, state: State, lengths: Tensor | None
) -> tuple[Tensor, State, dict[str, Tensor]]:
    """A run by the reference loop, with everything that it computes.

    Args:
        cell: The cell.
        x: [B, T, D].
        state: The state before the first step.
        lengths: [B], or None.

    Returns:
        The outputs [B, T, O], the last state, and {name: [B, T, size]} of gates and states.
    """
    watched = copy.copy(cell)  # shares the parameters; its gate_log is its own
    watched.gate_log = []
    states = list(steps(watched, x, state, lengths))
    names = list(watched.gate_log[0]) if watched.gate_log else []
    by_step = {name: [gates[name] for gates in watched.gate_log] for name in names}
    by_step |= {name: [each[part] for each in states] for part, name in enumerate(cell.part_names)}
    seen = {name: torch.stack(values, dim=1) for name, values in by_step.items()}
    if lengths is not None:
        alive = padding_mask(lengths, x.shape[1], x.device)[..., None]
        seen = {name: torch.where(alive, values, 0) for name, values in seen.items()}
    return seen[cell.part_names[0]], states[-1], seen
