"""The launch of a kernel for a cell's call: with gradients or without, or compiled."""

from __future__ import annotations

import copy
import operator
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from ostinato import padding
from ostinato.kernels import bindings
from ostinato.kernels.availability import disabled
from ostinato.kernels.formulas import FORMULAS, Formula
from ostinato.kernels.kernel_cell import KernelCell, State, dropout_mask, output_projection
from ostinato.kernels.precision import autocast_dtype, precision_of
from ostinato.kernels.sequence import forward
from ostinato.kernels.sequence.autograd import Plan, Reference, Run, flatten, split_evenly
from ostinato.kernels.sequence.forward import Direction, RecurrentDropout, Weights
from ostinato.kernels.steps import streaming


class Request(NamedTuple):
    """One cell's call before its steps are ordered."""

    x: Tensor
    state: State
    weights: Weights
    dropout: RecurrentDropout
    reverse: bool


def formula_of(cell: KernelCell) -> Formula:
    return FORMULAS[cell.kernel_name or ""]


def weights_of(cell: KernelCell) -> Weights:
    formula, inputs, hidden = formula_of(cell), cell.from_input, cell.from_hidden
    to_output = None if formula.projected_column is None else output_projection(cell).weight
    own = tuple(operator.attrgetter(name)(cell) for name in formula.parameter_names)
    return Weights(inputs.weight, hidden.weight, inputs.bias, hidden.bias, to_output, own)


def run(
    cell: KernelCell,
    x: Tensor,
    state: State,
    lengths: Tensor | None = None,
    *,
    reverse: bool = False,
) -> tuple[Tensor, State]:
    """The whole sequence by the native kernel.

    Args:
        x: [B, T, D]
        state: before the first step
        lengths: [B], or None if every row is full
        reverse: from each row's last real step to its first

    Returns:
        The outputs [B, T, O], zero in the padding, and the state after each row's last step.
    """
    outputs, (last,) = run_all([cell], x, [state], lengths, [reverse])
    return outputs, last


def run_both(
    cells: Sequence[KernelCell], x: Tensor, states: Sequence[State], lengths: Tensor | None = None
) -> tuple[Tensor, list[State]]:
    """The first cell forward and the second backward in time, each by one half of the threads.

    Returns:
        The outputs [B, T, 2 O] side by side, and the two last states.
    """
    return run_all(cells, x, states, lengths, [False, True])


def run_all(
    cells: Sequence[KernelCell],
    x: Tensor,
    states: Sequence[State],
    lengths: Tensor | None,
    reverse: Sequence[bool],
) -> tuple[Tensor, list[State]]:
    """One direction or two: outputs side by side, last states."""
    formula = formula_of(cells[0])
    # before anything is drawn: a second derivative must draw the same again
    random = (
        torch.get_rng_state() if any(cell.zoneout and cell.training for cell in cells) else None
    )
    requests = make_requests(formula, cells, x, states, reverse)
    precision = precision_of(cells[0].from_hidden.weight)
    dtype = torch.float32  # of the results: that of the weights, under autocast float32
    if precision == "bfloat16":
        dtype = torch.float32 if autocast_dtype() else torch.bfloat16
        requests = [widen(one) for one in requests]
    training = torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad
        for one in requests
        for tensor in (*flatten(one.x, one.state, one.weights), one.dropout.mask)
    )
    if bindings.operations_are_recorded() or isinstance(x, FakeTensor):
        return run_operator(formula, requests, lengths, training)
    if training:
        plans = tuple(
            Plan(
                formula.name,
                lengths,
                one.reverse,
                one.dropout,
                reference_of(cell, lengths, one.reverse, random),
                precision,
            )
            for cell, one in zip(cells, requests, strict=True)
        )
        tensors = [tensor for one in requests for tensor in flatten(one.x, one.state, one.weights)]
        if x.is_inference():  # autograd cannot save tensors made in inference mode
            tensors = [
                tensor.clone() if tensor is not None and tensor.is_inference() else tensor
                for tensor in tensors
            ]
        outputs, *last = Run.apply(plans, *tensors)
        return narrow(outputs, split_evenly(last, len(cells)), dtype)
    plain = all(one.dropout.mask is None and one.dropout.rates is None for one in requests)
    if streaming.current_format() == "bfloat16" and bindings.why_not_bfloat16() is None:
        precision = "bfloat16"
    smaller = streaming.current_format() != "float32" and precision == "float32" and plain
    if smaller and all(streaming.usable(cell) for cell in cells):
        return run_in_format(cells, requests, lengths)
    directions = []
    for one in requests:
        order = bindings.arrange(x.shape[0], x.shape[1], lengths, reverse=one.reverse)
        directions.append(Direction(one.x, one.state, one.weights, order, one.dropout))
    found = forward.forward_pass(formula, directions, training=False, precision=precision)
    return narrow(*found[:2], dtype)


def widen(request: Request) -> Request:
    """The same in float32: bfloat16 is what products round their factors to, not what is stored.

    A gradient returns in the dtype of what was widened.
    """
    x, state, weights, dropout, reverse = request
    wide = Weights(
        as_float(weights.from_input),
        weights.from_hidden.float(),
        as_float(weights.input_bias),
        as_float(weights.hidden_bias),
        as_float(weights.to_output),
        tuple(part.float() for part in weights.cell_parameters),
    )
    state = tuple(part.float() for part in state)
    return Request(x.float(), state, wide, dropout._replace(mask=as_float(dropout.mask)), reverse)


def as_float(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.float()


def narrow(
    outputs: Tensor, last: Sequence[Sequence[Tensor]], dtype: torch.dtype
) -> tuple[Tensor, list[State]]:
    """Results in the dtype that they are to have."""
    if dtype is torch.float32:
        return outputs, [tuple(state) for state in last]
    return outputs.to(dtype), [tuple(part.to(dtype) for part in state) for state in last]


def make_requests(
    formula: Formula,
    cells: Sequence[KernelCell],
    x: Tensor,
    states: Sequence[State],
    reverse: Sequence[bool],
) -> list[Request]:
    """Weights and inputs as the kernel reads them, and what zoneout draws."""
    dropouts = [dropout_of(cell, x, state) for cell, state in zip(cells, states, strict=True)]
    weights = [weights_of(cell) for cell in cells]
    if formula.projected_inputs:
        inputs = [cell.project(x).contiguous() for cell in cells]
        weights = [each._replace(from_input=None, input_bias=None) for each in weights]
    else:
        inputs = [x.contiguous()] * len(cells)
    return [Request(*one) for one in zip(inputs, states, weights, dropouts, reverse, strict=True)]


def run_in_format(
    cells: Sequence[KernelCell], requests: Sequence[Request], lengths: Tensor | None
) -> tuple[Tensor, list[State]]:
    """By weights in the format of `weights_as`, one direction after the other."""
    found = [
        streaming.run(cell, one.x, one.state, lengths, reverse=one.reverse)
        for cell, one in zip(cells, requests, strict=True)
    ]
    outputs = [each[0] for each in found]
    joined = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)
    return joined, [each[1] for each in found]


def dropout_of(cell: KernelCell, x: Tensor, state: State) -> RecurrentDropout:
    """What is dropped inside the recurrence.

    Zoneout draws what the reference draws: for each step, each part of the state, each row."""
    mask = dropout_mask(cell)
    if not cell.zoneout:
        return RecurrentDropout(mask)
    noise = torch.rand(x.shape[1], sum(part.numel() for part in state)) if cell.training else None
    return RecurrentDropout(mask, torch.tensor((*cell.zoneout, 0.0)[:2]), noise)


def reference_of(
    cell: KernelCell, lengths: Tensor | None, reverse: bool, random: Tensor | None
) -> Reference:
    """The same call by the reference, from the same random state, for second derivatives."""

    def reference(x: Tensor, state: State) -> tuple[Tensor, State]:
        if cell.from_hidden.weight.dtype is torch.bfloat16:
            raise RuntimeError(
                "second derivatives of a cell in bfloat16 are not computed; keep its weights in "
                "float32 and use torch.autocast"
            )
        again = copy.copy(cell)
        if formula_of(cell).projected_inputs:
            vars(again)["project"] = lambda projected: projected
        with disabled(), torch.random.fork_rng(devices=[], enabled=random is not None):
            if random is not None:
                torch.set_rng_state(random)
            given = padding.reverse(x, lengths) if reverse else x
            outputs, last = again.run(given, state, lengths)
        return padding.reverse(outputs, lengths) if reverse else outputs, last

    return reference


def run_operator(
    formula: Formula, requests: Sequence[Request], lengths: Tensor | None, training: bool
) -> tuple[Tensor, list[State]]:
    """As an operator, in a program that is compiled or exported."""
    every, last = [], []
    for x, state, weights, dropout, reverse in requests:
        outputs, *after = torch.ops.ostinato.recurrence(
            formula.name,
            *flatten(x, state, weights._replace(cell_parameters=())),
            forward.joint_parameters(weights),
            lengths,
            reverse,
            training,
            *dropout,
        )[: 1 + len(state)]
        every.append(outputs)
        last.append(tuple(after))
    return every[0] if len(every) == 1 else torch.cat(every, dim=-1), last
