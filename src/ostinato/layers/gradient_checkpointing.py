"""Gradient checkpointing: backpropagation through long sequences in little memory.

Of T steps, the states after every C-th are kept. The backward pass takes the blocks last to first,
runs each again and then backpropagates through it. Memory grows with T / C + C, least at
C = sqrt(T), for one more forward pass.

Source: Chen et al., Training deep nets with sublinear memory cost, 2016; Gruslys et al., 2016.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ostinato.cells.cell import Cell
from ostinato.cells.state import State


def run_with_checkpointing(
    cell: Cell, x: Tensor, state: State, lengths: Tensor | None, size: int = 0
) -> tuple[Tensor, State]:
    """`cell.run` in blocks that the backward pass computes again.

    Args:
        cell: The cell.
        x: [B, T, D].
        state: The state before the first step.
        lengths: [B], or None.
        size: Steps of a block; 0: sqrt(T).

    Returns:
        As `Cell.run`.
    """
    if not torch.is_grad_enabled() or x.shape[1] < 2:
        return cell.run(x, state, lengths)
    size = size or math.isqrt(x.shape[1] - 1) + 1
    tensors = [*state, *cell.parameters()]
    dropped = getattr(cell.from_hidden, "weight", None)
    if dropped is not None and not isinstance(dropped, torch.nn.Parameter):
        tensors.append(dropped)
    outputs, *last = Blocks.apply(cell, lengths, size, x, *tensors)
    return outputs, tuple(last)


class Blocks(torch.autograd.Function):
    """(x, *state, *weights) -> (outputs, *last state), block by block; see the module.

    Why not torch.utils.checkpoint: it recomputes one function at a time and would keep the inputs
    of every block apart; here all blocks share x, and gradients of weights are added up in place.
    """

    @staticmethod
    def forward(
        ctx: Any, cell: Cell, lengths: Tensor | None, size: int, x: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        """Runs the blocks and keeps the state before each."""
        state = tensors[: cell.parts]
        outputs = x.new_empty(*x.shape[:2], cell.output_size)
        ctx.borders, ctx.seed = [], int(torch.randint(2**62, ())) if cell.zoneout else None
        for part, here in blocks(x.shape[1], lengths, size):
            ctx.borders.append(state)
            outputs[:, part], state = run_block(cell, x[:, part], state, here, ctx.seed, part)
        ctx.save_for_backward(x, *tensors)
        ctx.cell, ctx.lengths, ctx.size = cell, lengths, size
        return outputs, *(part.clone() for part in state)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, *d_state: Tensor) -> tuple[Any, ...]:
        """Runs the blocks again, last to first, and backpropagates through each."""
        cell, (x, *tensors) = ctx.cell, ctx.saved_tensors
        weights = [tensor for tensor in tensors[cell.parts :] if tensor.requires_grad]
        totals = [torch.zeros_like(weight) for weight in weights]
        d_x = torch.empty_like(x) if ctx.needs_input_grad[3] else None
        borders = list(zip(blocks(x.shape[1], ctx.lengths, ctx.size), ctx.borders, strict=True))
        for (part, here), border in reversed(borders):
            with torch.enable_grad():
                inputs = x[:, part].detach().requires_grad_(d_x is not None)
                state = tuple(tensor.detach().requires_grad_() for tensor in border)
                outputs, last = run_block(cell, inputs, state, here, ctx.seed, part)
            wanted = [*state, *weights, *([inputs] if d_x is not None else [])]
            found = torch.autograd.grad(
                [outputs, *last],
                wanted,
                [d_outputs[:, part], *d_state],
                allow_unused=True,
                materialize_grads=True,
            )
            d_state = found[: cell.parts]
            for total, new in zip(totals, found[cell.parts :], strict=False):
                total += new
            if d_x is not None:
                d_x[:, part] = found[-1]
        of_weights = iter(totals)
        gradients = [
            next(of_weights) if tensor.requires_grad else None for tensor in tensors[cell.parts :]
        ]
        return None, None, None, d_x, *d_state, *gradients


def blocks(steps: int, lengths: Tensor | None, size: int) -> Iterator[tuple[slice, Tensor | None]]:
    """blocks(5, tensor([5, 1]), 3) -> (0:3, [3, 1]), (3:5, [2, 0])"""
    for start in range(0, steps, size):
        end = min(steps, start + size)
        yield (
            slice(start, end),
            None if lengths is None else (lengths - start).clamp(0, end - start),
        )


def run_block(
    cell: Cell, x: Tensor, state: State, lengths: Tensor | None, seed: int | None, part: slice
) -> tuple[Tensor, State]:
    """One block; where it draws random numbers (zoneout), the same ones each time."""
    if seed is None:
        return cell.run(x, state, lengths)
    with torch.random.fork_rng([x.device] if x.is_cuda else []):
        torch.manual_seed(seed + part.start)
        return cell.run(x, state, lengths)
