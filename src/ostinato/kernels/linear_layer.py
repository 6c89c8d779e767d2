"""A linear layer by the native products, which on some processors are twice as fast as torch's own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ostinato.kernels import availability, bindings
from ostinato.kernels.packed_weights import keep, kept

LEAST = 64  # rows from which on packing the weight pays


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, keep_packed: bool = False
) -> Tensor:
    """x [..., D], weight [H, D], bias [H] or None -> [..., H], as torch.nn.functional.linear.

    keep_packed  native without gradients, too: the packed weight is kept between such calls, as those of cells are"""
    if why_not(x, weight, bias, keep_packed=keep_packed) is not None:
        return functional.linear(x, weight, bias)
    return (
        NativeLinear.apply(x, weight, bias) if torch.is_grad_enabled() else infer(x, weight, bias)
    )


def why_not(
    x: Tensor, weight: Tensor, bias: Tensor | None, *, keep_packed: bool = False
) -> str | None:
    """Why the native products do not take this call, or None."""
    if not (keep_packed or torch.is_grad_enabled()):
        return "nothing is learned: packing the weight for one product does not pay"
    reason = availability.why_not(x, weight, bias)
    if reason is not None:
        return reason
    if (
        weight.dim() != 2
        or x.shape[-1] != weight.shape[1]
        or 0 in weight.shape
        or x.numel() < LEAST * x.shape[-1]
    ):
        return "there are few rows"
    return None


def infer(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The product with a weight that may stand packed from an earlier call."""
    room = kept(weight, "linear")
    packed = (bindings.room_for(weight, form="a bT"), False) if room is None else (room, True)
    out = product_of(x, weight, bias, packed)
    if room is None:
        keep(weight, "linear", packed[0])
    return out


def product_of(
    x: Tensor, weight: Tensor, bias: Tensor | None, packed: tuple[Tensor, bool] | None = None
) -> Tensor:
    out = x.new_empty(*x.shape[:-1], len(weight))
    bias = None if bias is None else bias.contiguous()
    bindings.product(
        rows_of(x), weight.contiguous(), rows_of(out), bias, form="a bT", packed=packed
    )
    return out


class NativeLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return product_of(x, weight, bias)

    @staticmethod
    def backward(ctx, d_out):
        x, weight = ctx.saved_tensors
        if torch.is_grad_enabled():  # these gradients will be differentiated themselves
            return by_torch(x, weight, d_out, ctx.needs_input_grad)
        d_rows, wanted = rows_of(d_out), ctx.needs_input_grad
        d_x = x.new_empty(x.shape) if wanted[0] else None
        d_weight = weight.new_empty(weight.shape) if wanted[1] else None
        if d_x is not None:
            bindings.product(d_rows, weight.contiguous(), rows_of(d_x), form="a b")
        if d_weight is not None:
            bindings.product(d_rows, rows_of(x), d_weight, form="aT b")
        return d_x, d_weight, d_rows.sum(0) if wanted[2] else None


def rows_of(x: Tensor) -> Tensor:
    return x.contiguous().view(-1, x.shape[-1])


def by_torch(
    x: Tensor, weight: Tensor, d_out: Tensor, wanted: tuple[bool, ...]
) -> tuple[Tensor | None, ...]:
    d_x = d_out @ weight if wanted[0] else None
    d_weight = d_out.flatten(0, -2).t() @ x.flatten(0, -2) if wanted[1] else None
    return d_x, d_weight, d_out.flatten(0, -2).sum(0) if wanted[2] else None
