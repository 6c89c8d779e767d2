"""A linear layer by the native products, on some processors twice as fast as torch's own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ostinato.kernels import availability, bindings
from ostinato.kernels.bindings import Precision
from ostinato.kernels.packed_weights import find_packed, store_packed
from ostinato.kernels.precision import why_not_autocast, wide_precision

LEAST = 64  # rows from which on packing the weight is worth its time


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, keep_packed: bool = False
) -> Tensor:
    """As torch.nn.functional.linear; under autocast to bfloat16 with a result in float32.

    Args:
        x: [..., D]
        weight: [H, D]
        bias: [H] or None
        keep_packed: use the native product without gradients, too, and store the packed weight
            between such calls, as those of cells are

    Returns:
        [..., H]
    """
    precision = wide_precision(weight)
    if precision == "bfloat16":
        x = x.float()
    if why_not(x, weight, bias, keep_packed=keep_packed) is not None:
        result = functional.linear(x, weight, bias)
        return result.float() if precision == "bfloat16" else result
    if torch.is_grad_enabled():
        return NativeLinear.apply(x, weight, bias, precision)
    return infer(x, weight, bias, precision)


def why_not(
    x: Tensor, weight: Tensor, bias: Tensor | None, *, keep_packed: bool = False
) -> str | None:
    """Why the native products do not take this call, or None."""
    if not (keep_packed or torch.is_grad_enabled()):
        return "nothing is learned: packing the weight for one product takes longer than it gains"
    reason = why_not_autocast() or availability.why_not(x, weight, bias)
    if reason is not None:
        return reason
    if weight.dim() != 2 or x.dim() == 0 or x.shape[-1] != weight.shape[1]:
        return "the shapes do not fit"
    if bias is not None and (bias.dim() != 1 or len(bias) != len(weight)):
        return "the bias is not [H]"
    least = 1 if wide_precision(weight) == "bfloat16" else LEAST  # torch would round the result
    if 0 in weight.shape or x.numel() < least * x.shape[-1]:
        return "there are few rows"
    return None


def infer(x: Tensor, weight: Tensor, bias: Tensor | None, precision: Precision) -> Tensor:
    """The product with a weight that an earlier call may have packed."""
    if precision == "bfloat16" and bindings.large_by_torch:
        return product_of(x, weight, bias, precision)  # as in training: torch packs for itself
    purpose = "linear" if precision == "float32" else f"linear {bindings.set_for(precision)}"
    found = find_packed(weight, purpose)
    if found is not None:
        return product_of(x, weight, bias, precision, (found, True))
    memory = bindings.allocate_packed(weight, form="a bT")
    out = product_of(x, weight, bias, precision, (memory, False))
    store_packed(weight, purpose, memory)
    return out


def product_of(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    precision: Precision,
    packed: tuple[Tensor, bool] | None = None,
) -> Tensor:
    out = x.new_empty(*x.shape[:-1], len(weight))
    bias = None if bias is None else bias.contiguous()
    bindings.product(
        rows_of(x),
        weight.contiguous(),
        rows_of(out),
        bias,
        form="a bT",
        packed=packed,
        precision=precision,
    )
    return out


class NativeLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, precision):
        ctx.save_for_backward(x, weight)
        ctx.precision = precision
        return product_of(x, weight, bias, precision)

    @staticmethod
    def backward(ctx, d_out):
        x, weight = ctx.saved_tensors
        if torch.is_grad_enabled():  # these gradients will be differentiated themselves
            return *by_torch(x, weight, d_out, ctx.needs_input_grad), None
        d_rows, needed, precision = rows_of(d_out), ctx.needs_input_grad, ctx.precision
        d_x = x.new_empty(x.shape) if needed[0] else None
        d_weight = weight.new_empty(weight.shape) if needed[1] else None
        if d_x is not None:
            bindings.product(
                d_rows, weight.contiguous(), rows_of(d_x), form="a b", precision=precision
            )
        if d_weight is not None:
            bindings.product(d_rows, rows_of(x), d_weight, form="aT b", precision=precision)
        return d_x, d_weight, d_rows.sum(0) if needed[2] else None, None


def rows_of(x: Tensor) -> Tensor:
    return x.contiguous().view(-1, x.shape[-1])


def by_torch(
    x: Tensor, weight: Tensor, d_out: Tensor, needed: tuple[bool, ...]
) -> tuple[Tensor | None, ...]:
    """The gradients of x, weight and bias by operations that can be differentiated again."""
    d_x = d_out @ weight if needed[0] else None
    d_weight = d_out.flatten(0, -2).t() @ x.flatten(0, -2) if needed[1] else None
    return d_x, d_weight, d_out.flatten(0, -2).sum(0) if needed[2] else None
