"""h_t = a_t * h_{t-1} + b_t for all t, in about 2 sqrt(T) steps instead of T."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ostinato.kernels.kernel_cell import KernelCell, LinearInState, State
from ostinato.kernels.sequence.fused_torch import clip


def why_not(cell: KernelCell, x: Tensor) -> str | None:
    """Why `run` would not compute this cell's function on these inputs, or None if it would."""
    if cell.kernel_name != "linear":
        return f"{type(cell).__name__} is not linear in its state"
    return "there is nothing to run" if x.numel() == 0 else None


def run(cell: KernelCell, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
    """(x [B, T, D], state, lengths [B]) -> (outputs [B, T, H], state), as the reference scan."""
    assert isinstance(cell, LinearInState)  # `why_not` says so by the formula's name
    a, b = cell.coefficients(cell.project(x))
    outputs = linear_scan(a, b, state[0])
    if lengths is not None:
        return clip(outputs, state, lengths)
    last = outputs[:, -1].clone()
    # a copy, since the backward pass reads the scan's results, which callers may change in place
    return outputs.clone() if outputs.requires_grad else outputs, (last,)


def linear_scan(a: Tensor, b: Tensor, first: Tensor) -> Tensor:
    """(a, b [B, T, H], first [B, H]) -> h [B, T, H], h_t = a_t h_{t-1} + b_t, in float32 or
    more.
    """
    precise = torch.promote_types(a.dtype, torch.float32)
    return LinearScan.apply(a.to(precise), b.to(precise), first.to(precise)).to(a.dtype)


class LinearScan(torch.autograd.Function):
    """The scan and its gradient, which is a scan the other way: G_t = g_t + a_{t+1} G_{t+1}.

    Not in log space (as Feng et al., 2024, have it): that loses digits where gates are shut, and
    needs b > 0."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor, first: Tensor) -> Tensor:
        return scan_in_blocks(a, b, first)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        a, _, first = inputs
        ctx.save_for_backward(a, first, output)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, first, h = ctx.saved_tensors
        later = torch.cat([torch.zeros_like(a[:, :1]), a.flip(1)[:, :-1]], dim=1)
        total = LinearScan.apply(later, grad.flip(1), torch.zeros_like(first)).flip(1)
        before = torch.cat([first[:, None], h[:, :-1]], dim=1)
        return total * before, total, total[:, 0] * a[:, 0]


def scan_in_blocks(a: Tensor, b: Tensor, first: Tensor) -> Tensor:
    """Blocks of about sqrt(T) steps, all at once, from zero; then states go from block to block."""
    rows, steps, width = a.shape
    size = math.isqrt(steps - 1) + 1
    blocks = -(-steps // size)
    over = blocks * size - steps
    a = torch.nn.functional.pad(a, (0, 0, 0, over)).view(rows, blocks, size, width)
    b = torch.nn.functional.pad(b, (0, 0, 0, over)).view(rows, blocks, size, width)
    h, decay = [b[:, :, 0]], [a[:, :, 0]]
    for t in range(1, size):
        h.append(torch.addcmul(b[:, :, t], a[:, :, t], h[-1]))
        decay.append(a[:, :, t] * decay[-1])
    carried = [first]
    for block in range(blocks - 1):
        carried.append(torch.addcmul(h[-1][:, block], decay[-1][:, block], carried[-1]))
    all_steps = torch.addcmul(
        torch.stack(h, dim=2), torch.stack(decay, dim=2), torch.stack(carried, dim=1)[:, :, None]
    )
    return all_steps.view(rows, blocks * size, width)[:, :steps]
