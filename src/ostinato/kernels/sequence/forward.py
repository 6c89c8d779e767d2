"""One layer over all steps: from inputs to outputs, and from their gradients back to those of inputs and weights.

Letters: B batch, T time, D input, H hidden, O output (H unless the cell projects), G gates, P the real steps of all
rows together."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.kernels import bindings
from ostinato.kernels.bindings import Arrangement
from ostinato.kernels.cell_table import Formula
from ostinato.kernels.packed_weights import keep, kept


class Weights(NamedTuple):
    """from_input [G * H, D], from_hidden [G * H, O], input_bias and hidden_bias [G * H], to_output [O, H]; None where
    the cell has none, or where its inputs are projected before. `own` are those that only this formula has."""

    from_input: Tensor | None
    from_hidden: Tensor
    input_bias: Tensor | None
    hidden_bias: Tensor | None
    to_output: Tensor | None = None
    own: tuple[Tensor, ...] = ()


class Drops(NamedTuple):
    """What dropout inside the recurrence there is: `mask` [B, O] for the product with the output before; zoneout's two
    `rates`; and its `noise` [T, B * O (+ B * H)] in 0..1, below a rate where a unit stays. None where there is none."""

    mask: Tensor | None = None
    rates: Tensor | None = None
    noise: Tensor | None = None


class Direction(NamedTuple):
    """A layer in one direction of time: all that goes in."""

    x: Tensor
    state: tuple[Tensor, ...]
    weights: Weights
    arrangement: Arrangement
    drops: Drops = Drops()


class Kept(NamedTuple):
    """What the backward pass reads: rows and gates [P, ...], the state before each step, and what the weight saw of it."""

    rows: Tensor | None
    gates: Tensor
    before: Tensor
    memory: Tensor | None
    seen: Tensor


def rows_of(x: Tensor, arrangement: Arrangement) -> Tensor:
    """x [B, T, D] -> [P, D], in the order the kernels work in."""
    batch, steps, width = x.shape
    if arrangement.plain:
        return x.transpose(0, 1).reshape(steps * batch, width)
    return x.reshape(batch * steps, width).index_select(0, arrangement.place)


def back_to_batch(rows: Tensor, like: Tensor, arrangement: Arrangement) -> Tensor:
    """[P, D] -> [B, T, D], zero in the padding."""
    batch, steps, width = like.shape
    if arrangement.plain:
        return rows.view(steps, batch, width).transpose(0, 1)
    full = arrangement.count == batch * steps
    result = rows.new_empty(batch * steps, width) if full else rows.new_zeros(batch * steps, width)
    return result.index_copy_(0, arrangement.place, rows).view(batch, steps, width)


def input_bias_of(formula: Formula, weights: Weights) -> Tensor | None:
    """What is added to all inputs at once: both biases, but for the one inside the candidate's brackets."""
    own, added = weights.input_bias, weights.hidden_bias
    if added is None:
        return None if own is None else own.contiguous()
    if formula.inner:
        size = len(added) // formula.gates
        added = torch.cat([added[: 2 * size], added.new_zeros(size)])
    return (added if own is None else own + added).contiguous()


def inner_bias(formula: Formula, weights: Weights) -> Tensor | None:
    """The bias inside the candidate's brackets."""
    if not formula.inner or weights.hidden_bias is None:
        return None
    return weights.hidden_bias[2 * len(weights.hidden_bias) // 3 :].contiguous()


def own_of(weights: Weights) -> Tensor | None:
    """The formula's own numbers, one after another."""
    if not weights.own:
        return None
    return torch.cat([part.reshape(-1) for part in weights.own])


def contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def forward_pass(
    formula: Formula, directions: Sequence[Direction], *, training: bool
) -> tuple[Tensor, list[tuple[Tensor, ...]], list[Kept]]:
    """Of one direction, or of two at the same time: the outputs [B, T, O] side by side, each one's last state, and
    what its backward pass needs."""
    first = directions[0]
    batch, steps, _ = first.x.shape
    width = first.weights.from_hidden.shape[1]
    whole = first.arrangement.count == batch * steps
    shape = batch, steps, width * len(directions)
    outputs = first.x.new_empty(shape) if whole else first.x.new_zeros(shape)
    calls, saved, last, fresh = [], [], [], []
    for number, direction in enumerate(directions):
        rooms, filled = packed_rooms(formula, direction.weights, training)
        if not (training or filled):
            fresh.append((direction.weights, rooms))
        last.append(
            tuple(
                torch.empty_like(part, memory_format=torch.contiguous_format)
                for part in direction.state
            )
        )
        place = outputs[..., number * width :]
        call, keeping = forward_call(
            formula, direction, rooms, filled, place, shape[2], last[-1], training=training
        )
        calls.append(call)
        saved.append(keeping)
    bindings.forward(*calls)
    for weights, rooms in fresh:
        for weight, room in zip(packable(weights), rooms, strict=True):
            if weight is not None:
                keep(weight, formula.name, room)
    return outputs, last, saved


def forward_call(
    formula: Formula,
    direction: Direction,
    rooms,
    filled: bool,
    outputs: Tensor,
    stride: int,
    last,
    *,
    training: bool,
) -> tuple[ctypes.Structure, Kept]:
    """What the compiled loop is given, and the part of it that the backward pass reads."""
    x, state, weights, arrangement, drops = direction
    batch, _, input_size = x.shape
    output, hidden = weights.from_hidden.shape[1], weights.from_hidden.shape[0] // formula.gates
    rows = rows_of(x, arrangement) if training and not formula.given else x.contiguous()
    width = formula.width_of(training=training) * hidden
    chunk = min(max(bindings.CHUNK, batch), arrangement.count)  # steps are projected whole
    gates = x.new_empty(arrangement.count if training else chunk, width)
    kept_rows = arrangement.count if training else 2 * batch
    before = x.new_empty(kept_rows, output)
    seen = None if drops.mask is None else x.new_empty(kept_rows, output)
    memory = x.new_empty(kept_rows, hidden) if formula.memory else None
    call = bindings.recurrence_call(
        kind=formula.kind,
        training=training,
        packed_before=filled,
        steps=arrangement.steps,
        rows=batch,
        hidden=hidden,
        output=output,
        offsets=arrangement.offsets,
        place=arrangement.place,
        order=arrangement.order,
        weight=weights.from_hidden.contiguous(),
        bias=inner_bias(formula, weights),
        packed=rooms[0],
        to_output=contiguous(weights.to_output),
        packed_output=rooms[2],
        own=own_of(weights),
        inputs=rows,
        gathered=None if training or formula.given else x.new_empty(chunk, input_size),
        input_size=input_size,
        input_weight=contiguous(weights.from_input),
        input_bias=None if formula.given else input_bias_of(formula, weights),
        packed_input=rooms[1],
        gates=gates,
        gates_width=width,
        before=before,
        seen=seen,
        memory=memory,
        h0=state[0].contiguous(),
        c0=state[1].contiguous() if formula.memory else None,
        outputs=outputs,
        output_stride=stride,
        h_last=last[0],
        c_last=last[1] if formula.memory else None,
        **of_drops(drops),
    )
    return call, Kept(
        None if formula.given else rows, gates, before, memory, before if seen is None else seen
    )


def of_drops(drops: Drops) -> dict[str, Tensor | None]:
    """The fields of a call for dropout inside the recurrence."""
    return {"mask": contiguous(drops.mask), "zoneout": drops.rates, "noise": drops.noise}


def packable(weights: Weights) -> tuple[Tensor | None, ...]:
    """The weights that are packed: each may be kept so between calls that only infer."""
    return weights.from_hidden, weights.from_input, weights.to_output


def packed_rooms(
    formula: Formula, weights: Weights, training: bool
) -> tuple[list[Tensor | None], bool]:
    """Room for the packed recurrent, input and output weights, and whether all stand there already."""
    each = packable(weights)
    if not training:
        found = [None if weight is None else kept(weight, formula.name) for weight in each]
        if all(
            room is not None or weight is None for room, weight in zip(found, each, strict=True)
        ):
            return found, True
    from_hidden, from_input, to_output = each
    return [
        bindings.room_for_weight(
            formula.kind, len(from_hidden) // formula.gates, from_hidden.shape[1]
        ),
        None if from_input is None else bindings.room_for(from_input, form="a bT"),
        None if to_output is None else bindings.room_for_projection(to_output),
    ], False
