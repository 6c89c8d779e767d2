"""Chrono initialisation: gates biased for memories as long as the data's dependencies."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.cells.cell import Cell


def split_gate_biases(cell: Cell) -> tuple[Tensor, ...]:
    """The bias of each of the cell's gates, each [H]. Raises ValueError if the cell has none."""
    if cell.from_input.bias is None:
        raise ValueError("chrono sets where biases start: it needs bias=True; got bias=False")
    return cell.from_input.bias.chunk(cell.gates)


def draw_chrono_biases(size: int, longest: int) -> Tensor:
    """Random biases of a gate that keeps its state over 1 to T - 1 steps: log(U(1, T - 1)).

    For a gate that lets new input in, use them with the opposite sign.

    Source: Tallec and Ollivier, Can recurrent neural networks warp time?, 2018, equation 16.

    Args:
        size: The number of units.
        longest: T, the longest dependency expected, in steps.

    Returns:
        [size]

    Raises:
        ValueError: `longest` is not a whole number above 2.
    """
    if not isinstance(longest, int) or longest < 3:
        raise ValueError(
            "chrono must be a whole number above 2, the longest dependency in steps; got "
            f"{longest!r}"
        )
    return torch.empty(size).uniform_(1, longest - 1).log()
