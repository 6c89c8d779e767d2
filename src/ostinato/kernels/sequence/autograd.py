"""Autograd of a kernel: a node of PyTorch's graph; the reference computes second derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ostinato.kernels import bindings
from ostinato.kernels.bindings import Arrangement, Precision
from ostinato.kernels.formulas import FORMULAS
from ostinato.kernels.sequence import backward, forward
from ostinato.kernels.sequence.backward import Incoming, Needed
from ostinato.kernels.sequence.forward import Direction, RecurrentDropout, Weights

# reference(x, state) -> (outputs, state): the call by the reference loop, for second derivatives
Reference = Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, tuple[Tensor, ...]]]
# tensors before a formula's own: x, h0, c0, from_input, from_hidden, two biases, to_output
COMMON = 8


class Plan(NamedTuple):
    """What one direction has beside its tensors."""

    name: str  # of the formula
    lengths: Tensor | None
    reverse: bool
    dropout: RecurrentDropout
    reference: Reference
    precision: Precision


def flatten(x: Tensor, state: tuple[Tensor, ...], weights: Weights) -> list[Tensor | None]:
    """The tensors of a direction as `Run` takes them."""
    c0 = state[1] if len(state) > 1 else None
    return [x, state[0], c0, *weights[:5], *weights.cell_parameters]


def restore_direction(
    plan: Plan, tensors: Sequence[Any], arrangement: Arrangement | None = None
) -> Direction:
    """The inverse of `flatten`."""
    x, h0, c0, from_input, from_hidden, input_bias, hidden_bias, to_output, *own = tensors
    state = (h0,) if c0 is None else (h0, c0)
    weights = Weights(from_input, from_hidden, input_bias, hidden_bias, to_output, tuple(own))
    if arrangement is None:
        arrangement = bindings.arrange(x.shape[0], x.shape[1], plan.lengths, reverse=plan.reverse)
    return Direction(x, state, weights, arrangement, plan.dropout)


def split_evenly(everything: Sequence, count: int) -> list:
    size = len(everything) // count
    return [everything[i * size : (i + 1) * size] for i in range(count)]


class Run(torch.autograd.Function):
    """(outputs, *state, *state) of one layer in one direction, or in two at the same time.

    The outputs of two directions are side by side. The first backward pass overwrites the saved
    gates with their gradients; a second one (retain_graph) computes them again."""

    @staticmethod
    def forward(ctx, plans, *tensors):
        formula = FORMULAS[plans[0].name]
        each = zip(plans, split_evenly(tensors, len(plans)), strict=True)
        directions = [restore_direction(*one) for one in each]
        outputs, last, saved = forward.forward_pass(
            formula, directions, training=True, precision=plans[0].precision
        )
        ctx.save_for_backward(*tensors)
        ctx.formula, ctx.plans, ctx.saved = formula, plans, saved
        ctx.arrangements = [direction.arrangement for direction in directions]
        ctx.set_materialize_grads(False)
        return outputs, *(part for state in last for part in state)

    @staticmethod
    def backward(ctx, d_outputs, *d_last):
        if torch.is_grad_enabled():  # create_graph=True: these gradients will be differentiated
            return None, *by_reference(ctx, (d_outputs, *d_last))
        plans, formula = ctx.plans, ctx.formula
        tensors = split_evenly(ctx.saved_tensors, len(plans))
        each = zip(plans, tensors, ctx.arrangements, strict=True)
        directions = [restore_direction(*one) for one in each]
        saved, ctx.saved = ctx.saved, None
        precision = plans[0].precision
        if saved is None:
            saved = forward.forward_pass(formula, directions, training=True, precision=precision)[2]
        needed = [Needed.of(flags) for flags in split_evenly(ctx.needs_input_grad[1:], len(plans))]
        incoming = gradients_of_results(d_outputs, d_last, directions)
        found = backward.backward_pass(
            formula, directions, saved, incoming, needed, overwrite=True, precision=precision
        )
        nothing = (None,) * (len(tensors[0]) - COMMON)
        return None, *(
            part for one in found for part in (*one[:COMMON], *(one.cell_parameters or nothing))
        )


def gradients_of_results(
    d_outputs: Tensor | None, d_last: Sequence[Tensor | None], directions: Sequence[Direction]
) -> list[Incoming]:
    """Each direction's part of the gradients of all results."""
    if d_outputs is not None:
        d_outputs = d_outputs.contiguous()
    found = []
    states = split_evenly(d_last, len(directions))
    for number, (direction, d_state) in enumerate(zip(directions, states, strict=True)):
        width = direction.weights.from_hidden.shape[1]
        part = None if d_outputs is None else d_outputs[..., number * width :]
        found.append(Incoming(part, width * len(directions), tuple(d_state)))
    return found


def by_reference(ctx, d_results: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The same gradients with a graph of their own."""
    warnings.warn(
        "second derivatives are computed by the reference loop, not by a kernel", stacklevel=2
    )
    inputs, outputs, last = ctx.saved_tensors, [], []
    for plan, (x, h0, c0, *_) in zip(ctx.plans, split_evenly(inputs, len(ctx.plans)), strict=True):
        output, state = plan.reference(x, (h0,) if c0 is None else (h0, c0))
        outputs.append(output)
        last += state
    results = [torch.cat(outputs, dim=-1), *last]
    pairs = [
        (y, dy)
        for y, dy in zip(results, d_results, strict=True)
        if dy is not None and y.requires_grad
    ]
    needed = [i for i, flag in enumerate(ctx.needs_input_grad[1:]) if flag]
    found = torch.autograd.grad(
        [y for y, _ in pairs],
        [inputs[i] for i in needed],
        [dy for _, dy in pairs],
        create_graph=True,
        allow_unused=True,
    )
    all_gradients: list[Tensor | None] = [None] * len(inputs)
    for i, gradient in zip(needed, found, strict=True):
        all_gradients[i] = gradient
    return all_gradients
