"""A kernel's place in PyTorch's graph: forward and backward as one node, second derivatives by the reference."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from ostinato.kernels import native, recurrence
from ostinato.kernels.recurrence import FORMULAS, Weights

# reference(x, state) -> (outputs, state): the same call by the reference loop, for second derivatives
Reference = Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, tuple[Tensor, ...]]]


class Run(torch.autograd.Function):
    """(outputs, *state) of one layer in one direction. The gates kept from the forward pass are overwritten by their
    gradients in the first backward pass; a second one (retain_graph) computes them anew."""

    @staticmethod
    def forward(ctx, name, reference, lengths, reverse, x, h0, c0, *weights):
        formula, weights = FORMULAS[name], Weights(*weights)
        arrangement = native.arrange(x.shape[0], x.shape[1], lengths, reverse=reverse)
        state = (h0,) if c0 is None else (h0, c0)
        outputs, last, kept = recurrence.forward(formula, x, state, weights, arrangement, training=True)
        ctx.save_for_backward(x, h0, c0, *weights)
        ctx.formula, ctx.arrangement, ctx.kept, ctx.reference = formula, arrangement, kept, reference
        ctx.set_materialize_grads(False)
        return outputs, *last

    @staticmethod
    def backward(ctx, d_outputs, *d_last):
        x, h0, c0, *weights = ctx.saved_tensors
        state = (h0,) if c0 is None else (h0, c0)
        if torch.is_grad_enabled():  # create_graph=True: the caller will differentiate these gradients
            return None, None, None, None, *by_reference(ctx, x, h0, c0, weights, (d_outputs, *d_last))
        weights = Weights(*weights)
        kept, ctx.kept = ctx.kept, None
        if kept is None:
            _, _, kept = recurrence.forward(ctx.formula, x, state, weights, ctx.arrangement, training=True)
        wanted = ctx.needs_input_grad[4:]
        gradients = recurrence.backward(
            ctx.formula, x, weights, ctx.arrangement, kept, d_outputs, d_last, wanted, overwrite=True
        )
        return None, None, None, None, *gradients


def by_reference(ctx, x, h0, c0, weights, d_results) -> list[Tensor | None]:
    """The same gradients with a graph of their own."""
    warnings.warn("second derivatives are computed by the reference loop, not by a kernel", stacklevel=2)
    results, state = ctx.reference(x, (h0,) if c0 is None else (h0, c0))
    pairs = [(y, dy) for y, dy in zip((results, *state), d_results, strict=True) if dy is not None and y.requires_grad]
    inputs = [x, h0, c0, *weights]
    wanted = [i for i, needed in enumerate(ctx.needs_input_grad[4:]) if needed]
    found = torch.autograd.grad(
        [y for y, _ in pairs],
        [inputs[i] for i in wanted],
        [dy for _, dy in pairs],
        create_graph=True,
        allow_unused=True,
    )
    gradients: list[Tensor | None] = [None] * len(inputs)
    for i, gradient in zip(wanted, found, strict=True):
        gradients[i] = gradient
    return gradients
