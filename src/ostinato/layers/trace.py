"""Every gate and every state of a run, by name."""

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
    """What `recurrent.trace(x, lengths)` saw.

        trace.get("forget", layer=1)            # [B, T, H], zero beyond each length
        trace.names(layer=1)                    # ("input", "forget", "candidate", "output", "hidden", "cell")

    outputs, state  what `recurrent(x, lengths)` returns
    steps           for each layer and direction, as in the state: {name: [B, T, size]}; a backward direction's
                    values stand at the step of x they belong to"""

    outputs: Tensor
    state: State
    steps: tuple[dict[str, Tensor], ...]
    directions: int = 1

    def layer(self, layer: int = 0, direction: int = 0) -> dict[str, Tensor]:
        """{name: [B, T, size]} of one layer; direction 0 is forward, 1 backward."""
        layers = len(self.steps) // self.directions
        if not (-layers <= layer < layers and 0 <= direction < self.directions):
            raise ValueError(
                f"layer must be below {layers} and direction below {self.directions}; got {layer} and {direction}"
            )
        return self.steps[layer % layers * self.directions + direction]

    def names(self, layer: int = 0) -> tuple[str, ...]:
        return tuple(self.layer(layer))

    def get(self, name: str, *, layer: int = 0, direction: int = 0) -> Tensor:
        """[B, T, size] of a gate or a state by its name."""
        found = self.layer(layer, direction)
        if name not in found:
            raise ValueError(f"name must be one of {', '.join(found)}; got {name!r}")
        return found[name]


def run_traced(
    cell: Cell, x: Tensor, state: State, lengths: Tensor | None
) -> tuple[Tensor, State, dict[str, Tensor]]:
    """(outputs, state) by the reference, and {name: [B, T, size]} of what it went through."""
    watched = copy.copy(cell)  # shares the parameters; the gate_log is its own
    watched.gate_log = []
    states = list(steps(watched, x, state, lengths))
    names = list(watched.gate_log[0]) if watched.gate_log else []
    seen = {name: [note[name] for note in watched.gate_log] for name in names}
    seen |= {name: [each[part] for each in states] for part, name in enumerate(cell.part_names)}
    seen = {name: torch.stack(values, dim=1) for name, values in seen.items()}
    if lengths is not None:
        alive = padding_mask(lengths, x.shape[1], x.device)[..., None]
        seen = {name: torch.where(alive, values, 0) for name, values in seen.items()}
    return seen[cell.part_names[0]], states[-1], seen
