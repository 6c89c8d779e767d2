"""A kernel's place in PyTorch's graph: forward and backward as one node, second derivatives by the reference."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.kernels import bindings
from ostinato.kernels.bindings import Arrangement
from ostinato.kernels.cell_table import FORMULAS
from ostinato.kernels.sequence import backward, forward
from ostinato.kernels.sequence.backward import Gradients, Incoming
from ostinato.kernels.sequence.forward import Direction, Drops, Weights

# reference(x, state) -> (outputs, state): the same call by the reference loop, for second derivatives
Reference = Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, tuple[Tensor, ...]]]
FIXED = (
    8  # tensors before a formula's own: x, h0, c0, from_input, from_hidden, two biases, to_output
)


class Plan(NamedTuple):
    """What one direction has beside its tensors."""

    name: str
    lengths: Tensor | None
    reverse: bool
    drops: Drops
    reference: Reference


def flat(x: Tensor, state: tuple[Tensor, ...], weights: Weights) -> list[Tensor | None]:
    """The tensors of a direction as `Run` takes them."""
    return [x, state[0], state[1] if len(state) > 1 else None, *weights[:5], *weights.own]


def direction_of(
    plan: Plan, tensors: Sequence[Tensor | None], arrangement: Arrangement | None = None
) -> Direction:
    x, h0, c0, *weights = tensors
    state = (h0,) if c0 is None else (h0, c0)
    if arrangement is None:
        arrangement = bindings.arrange(x.shape[0], x.shape[1], plan.lengths, reverse=plan.reverse)
    return Direction(x, state, Weights(*weights[:5], tuple(weights[5:])), arrangement, plan.drops)


def in_parts(everything: Sequence, count: int) -> list:
    size = len(everything) // count
    return [everything[i * size : (i + 1) * size] for i in range(count)]


class Run(torch.autograd.Function):
    """(outputs, *state, *state) of one layer in one direction, or in two at the same time, whose outputs stand side by
    side. The gates kept from the forward pass are overwritten by their gradients in the first backward pass; a second
    one (retain_graph) computes them anew."""

    @staticmethod
    def forward(ctx, plans, *tensors):
        formula = FORMULAS[plans[0].name]
        directions = [
            direction_of(*each) for each in zip(plans, in_parts(tensors, len(plans)), strict=True)
        ]
        outputs, last, kept = forward.forward_pass(formula, directions, training=True)
        ctx.save_for_backward(*tensors)
        ctx.formula, ctx.plans, ctx.kept = formula, plans, kept
        ctx.arrangements = [direction.arrangement for direction in directions]
        ctx.set_materialize_grads(False)
        return outputs, *(part for state in last for part in state)

    @staticmethod
    def backward(ctx, d_outputs, *d_last):
        if (
            torch.is_grad_enabled()
        ):  # create_graph=True: the caller will differentiate these gradients
            return None, *by_reference(ctx, (d_outputs, *d_last))
        plans, formula = ctx.plans, ctx.formula
        tensors = in_parts(ctx.saved_tensors, len(plans))
        directions = [
            direction_of(*each) for each in zip(plans, tensors, ctx.arrangements, strict=True)
        ]
        kept, ctx.kept = ctx.kept, None
        if kept is None:
            kept = forward.forward_pass(formula, directions, training=True)[2]
        wanted = [needed(part) for part in in_parts(ctx.needs_input_grad[1:], len(plans))]
        incoming = arriving(d_outputs, d_last, directions)
        found = backward.backward_pass(formula, directions, kept, incoming, wanted, overwrite=True)
        return None, *(
            part for each in found for part in (*each[:FIXED], *own_or_none(each.own, tensors[0]))
        )


def needed(flags: Sequence[bool]) -> Gradients:
    return Gradients(*flags[:FIXED], own=tuple(flags[FIXED:]))


def own_or_none(
    own: tuple[Tensor, ...], tensors: Sequence[Tensor | None]
) -> tuple[Tensor | None, ...]:
    return own or (None,) * (len(tensors) - FIXED)


def arriving(
    d_outputs: Tensor | None, d_last: Sequence[Tensor | None], directions: Sequence[Direction]
) -> list[Incoming]:
    """Each direction's part of the gradients of all results."""
    if d_outputs is not None:
        d_outputs = d_outputs.contiguous()
    found = []
    states = in_parts(d_last, len(directions))
    for number, (direction, d_state) in enumerate(zip(directions, states, strict=True)):
        width = direction.weights.from_hidden.shape[1]
        part = None if d_outputs is None else d_outputs[..., number * width :]
        found.append(Incoming(part, width * len(directions), tuple(d_state)))
    return found


def by_reference(ctx, d_results) -> list[Tensor | None]:
    """The same gradients with a graph of their own."""
    warnings.warn(
        "second derivatives are computed by the reference loop, not by a kernel", stacklevel=2
    )
    inputs, outputs, last = ctx.saved_tensors, [], []
    for plan, (x, h0, c0, *_) in zip(ctx.plans, in_parts(inputs, len(ctx.plans)), strict=True):
        output, state = plan.reference(x, (h0,) if c0 is None else (h0, c0))
        outputs.append(output)
        last += state
    results = [torch.cat(outputs, dim=-1), *last]
    pairs = [
        (y, dy)
        for y, dy in zip(results, d_results, strict=True)
        if dy is not None and y.requires_grad
    ]
    wanted = [i for i, needed in enumerate(ctx.needs_input_grad[1:]) if needed]
    found = torch.autograd.grad(
        [y for y, _ in pairs],
        [inputs[i] for i in wanted],
        [dy for _, dy in pairs],
        create_graph=True,
        allow_unused=True,
    )
    all_gradients: list[Tensor | None] = [None] * len(inputs)
    for i, gradient in zip(wanted, found, strict=True):
        all_gradients[i] = gradient
    return all_gradients
