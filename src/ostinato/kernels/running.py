"""How a cell's call becomes a call of its kernel: eagerly, with gradients or without, or in a program being compiled."""

from __future__ import annotations

import copy
import operator

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from ostinato.kernels import native, recurrence, streaming
from ostinato.kernels.autograd import Plan, Reference, Run, flat, in_parts
from ostinato.kernels.formulas import FORMULAS, Formula
from ostinato.kernels.recurrence import Direction, Drops, Weights
from ostinato.kernels.switch import disabled


def weights_of(cell) -> Weights:
    into, back, formula = cell.from_input, cell.from_hidden, FORMULAS[cell.kernel_name]
    to_output = None if formula.middle is None else cell.to_output.weight
    own = tuple(operator.attrgetter(name)(cell) for name in formula.own)
    return Weights(into.weight, back.weight, into.bias, back.bias, to_output, own)


def run(
    cell,
    x: Tensor,
    state: tuple[Tensor, ...],
    lengths: Tensor | None = None,
    *,
    reverse: bool = False,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The whole sequence by the native kernel; with `reverse`, from each row's last real step to its first."""
    outputs, (last,) = run_all([cell], x, [state], lengths, [reverse])
    return outputs, last


def run_both(
    cells, x: Tensor, states, lengths: Tensor | None = None
) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
    """The first cell forward and the second backward in time, each by one half of the threads: (outputs [B, T, 2 O]
    side by side, the two last states)."""
    return run_all(cells, x, states, lengths, [False, True])


def run_all(cells, x: Tensor, states, lengths: Tensor | None, reverse: list[bool]):
    """(outputs side by side, last states) of one direction or two."""
    formula = FORMULAS[cells[0].kernel_name]
    weights = [weights_of(cell) for cell in cells]
    # before anything is drawn: a second derivative must draw the same again
    random = (
        torch.get_rng_state() if any(cell.zoneout and cell.training for cell in cells) else None
    )
    drops = [drops_of(cell, x, state) for cell, state in zip(cells, states, strict=True)]
    if formula.given:
        inputs = [cell.project(x).contiguous() for cell in cells]
        weights = [each._replace(from_input=None, input_bias=None) for each in weights]
    else:
        inputs = [x.contiguous()] * len(cells)
    parts = list(zip(inputs, states, weights, drops, reverse, strict=True))
    tensors = [
        tensor
        for each in parts
        for tensor in (*flat(*each[:3]), each[3].mask)
        if tensor is not None
    ]
    training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    if native.watched() or isinstance(x, FakeTensor):
        return in_graph(formula, parts, lengths, training)
    if training:
        plans = tuple(
            Plan(
                formula.name,
                lengths,
                each[4],
                each[3],
                reference_of(cell, lengths, each[4], random),
            )
            for cell, each in zip(cells, parts, strict=True)
        )
        outputs, *last = Run.apply(plans, *(tensor for each in parts for tensor in flat(*each[:3])))
        return outputs, [tuple(state) for state in in_parts(last, len(cells))]
    whole = all(mask is None and rates is None for mask, rates, _ in drops)
    if (
        streaming.current_format() != "float32"
        and whole
        and all(streaming.usable(cell) for cell in cells)
    ):
        return in_format(cells, parts, lengths)
    directions = [
        Direction(x, state, weights, native.arrange(*x.shape[:2], lengths, reverse=back), drops)
        for x, state, weights, drops, back in parts
    ]
    return recurrence.forward(formula, directions, training=False)[:2]


def in_format(cells, parts, lengths: Tensor | None):
    """By weights of fewer bits, one direction after the other."""
    found = [
        streaming.run(cell, x, state, lengths, reverse=back)
        for cell, (x, state, _, _, back) in zip(cells, parts, strict=True)
    ]
    outputs = [each[0] for each in found]
    return outputs[0] if len(found) == 1 else torch.cat(outputs, dim=-1), [
        each[1] for each in found
    ]


def drops_of(cell, x: Tensor, state: tuple[Tensor, ...]) -> Drops:
    """Zoneout draws what the reference draws, in its order: for each step, for each part of the state, for each row."""
    mask = getattr(cell.from_hidden, "mask", None)
    if not cell.zoneout:
        return Drops(mask)
    noise = torch.rand(x.shape[1], sum(part.numel() for part in state)) if cell.training else None
    return Drops(mask, torch.tensor((*cell.zoneout, 0.0)[:2]), noise)


def reference_of(cell, lengths: Tensor | None, reverse: bool, random: Tensor | None) -> Reference:
    """The same call by the reference, from the same random numbers, for second derivatives."""

    def reference(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        again = copy.copy(cell)
        if FORMULAS[cell.kernel_name].given:
            again.project = lambda projected: projected
        with disabled(), torch.random.fork_rng(devices=[], enabled=random is not None):
            if random is not None:
                torch.set_rng_state(random)
            outputs, last = again.run(
                recurrence.reverse(x, lengths) if reverse else x, state, lengths
            )
        return recurrence.reverse(outputs, lengths) if reverse else outputs, last

    return reference


def in_graph(formula: Formula, parts, lengths: Tensor | None, training: bool):
    """As an operator: in a program that is compiled or exported."""
    every, last = [], []
    for x, state, weights, drops, back in parts:
        own = recurrence.own_of(weights)
        outputs, *after = torch.ops.ostinato.recurrence(
            formula.name,
            *flat(x, state, weights._replace(own=()))[:8],
            own,
            lengths,
            back,
            training,
            *drops,
        )[: 1 + len(state)]
        every.append(outputs)
        last.append(tuple(after))
    return every[0] if len(every) == 1 else torch.cat(every, dim=-1), last
