"""From the gradients of outputs and last states back to those of inputs, weights and first states."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.kernels import bindings
from ostinato.kernels.cell_table import Formula
from ostinato.kernels.sequence.forward import (
    Direction,
    Kept,
    Weights,
    back_to_batch,
    contiguous,
    of_drops,
    own_of,
)

DENSE = torch.contiguous_format


class Gradients(NamedTuple):
    """Of x, of the state's two parts, and of the weights; None where not wanted. `own`: for each of the formula's own
    tensors one."""

    x: Tensor | None = None
    h0: Tensor | None = None
    c0: Tensor | None = None
    from_input: Tensor | None = None
    from_hidden: Tensor | None = None
    input_bias: Tensor | None = None
    hidden_bias: Tensor | None = None
    to_output: Tensor | None = None
    own: tuple[Tensor, ...] = ()


class Incoming(NamedTuple):
    """The gradients of one direction's outputs (from its first column on; rows lie `stride` apart) and last state."""

    outputs: Tensor | None
    stride: int
    state: tuple[Tensor | None, ...]


def backward_pass(
    formula: Formula,
    directions: Sequence[Direction],
    saved: Sequence[Kept],
    incoming: Sequence[Incoming],
    wanted: Sequence[Gradients],
    *,
    overwrite: bool,
) -> list[Gradients]:
    """Of each direction the gradients that are `wanted` (anything that is true). With `overwrite`, `saved` is used up."""
    rooms = [
        Rooms(formula, *each, overwrite=overwrite)
        for each in zip(directions, saved, wanted, strict=True)
    ]
    given = zip(directions, saved, incoming, rooms, strict=True)
    bindings.backward(*(backward_call(formula, *each) for each in given))
    return [
        room.gradients(*each)
        for room, each in zip(rooms, zip(directions, saved, wanted, strict=True), strict=True)
    ]


class Rooms:
    """Where the backward loop of one direction leaves its results."""

    def __init__(
        self,
        formula: Formula,
        direction: Direction,
        saved: Kept,
        wanted: Gradients,
        *,
        overwrite: bool,
    ):
        weight = direction.weights.from_hidden
        batch, (rows, output) = len(direction.x), weight.shape
        hidden = rows // formula.gates
        self.formula, self.hidden = formula, hidden
        self.gates = saved.gates if overwrite else torch.empty_like(saved.gates)
        self.carry_h = weight.new_empty(batch, output)
        self.carry_c = weight.new_empty(batch, hidden) if formula.memory else None
        self.h0 = weight.new_empty(batch, output) if wanted.h0 else None
        self.c0 = weight.new_empty(batch, hidden) if wanted.c0 and formula.memory else None
        self.outputs = None  # the gradient of each output
        if formula.middle is not None:
            self.outputs = weight.new_empty(direction.arrangement.count, output)
        elif formula.norms:
            self.outputs = weight.new_empty(batch, output)
        self.own = (
            weight.new_zeros(torch.get_num_threads(), formula.norms * hidden)
            if formula.norms
            else None
        )

    def gradients(self, direction: Direction, saved: Kept, wanted: Gradients) -> Gradients:
        """The large products after the loop: from the gates' gradients to those of x, weights and biases."""
        formula, size, weights = self.formula, self.hidden, direction.weights
        found = Gradients(h0=self.h0, c0=self.c0)._asdict()
        by_input = self.gates[:, : formula.gates * size]
        if wanted.x:
            if not formula.given:
                empty = torch.empty_like(saved.rows)
                rows = bindings.product(
                    by_input, weights.from_input.contiguous(), empty, form="a b"
                )
            found["x"] = back_to_batch(
                by_input if formula.given else rows, direction.x, direction.arrangement
            )
        if wanted.from_input:
            found["from_input"] = d_weight = torch.empty_like(
                weights.from_input, memory_format=DENSE
            )
            bindings.product(by_input, saved.rows, d_weight, form="aT b")
        if wanted.from_hidden:
            found["from_hidden"] = d_weight = torch.empty_like(
                weights.from_hidden, memory_format=DENSE
            )
            for part, columns, seen in self.products(saved):
                bindings.product(self.gates[:, columns], seen, d_weight[part], form="aT b")
        if wanted.input_bias or wanted.hidden_bias:
            sums = self.gates.sum(0)
            if wanted.input_bias:
                found["input_bias"] = sums[: formula.gates * size]
            if wanted.hidden_bias:
                found["hidden_bias"] = torch.cat(
                    [sums[columns] for _, columns, _ in self.products(saved)]
                )
        if wanted.to_output:
            middle = saved.gates[:, formula.middle * size : (formula.middle + 1) * size]
            found["to_output"] = d_weight = torch.empty_like(weights.to_output, memory_format=DENSE)
            bindings.product(self.outputs, middle, d_weight, form="aT b")
        if any(wanted.own):
            found["own"] = self.of_own(weights, saved)
        return Gradients(**found)

    def products(self, saved: Kept) -> Iterator[tuple[slice, slice, Tensor]]:
        """Rows of the recurrent weight's gradient, the gates' columns it comes from, and what met the weight."""
        size = self.hidden
        for gate, count, columns, seen in self.formula.products:
            met = saved.seen if seen is None else saved.gates[:, seen * size : (seen + 1) * size]
            yield (
                slice(gate * size, (gate + count) * size),
                slice(columns * size, (columns + count) * size),
                met,
            )

    def of_own(self, weights: Weights, saved: Kept) -> tuple[Tensor, ...]:
        """The gradients of peepholes, or of the gains and biases of normalisations."""
        size = self.hidden
        if self.own is not None:
            flat = self.own.sum(0)
        else:
            after = saved.gates[:, 4 * size : 5 * size]  # the memory cell after the step
            gates = [self.gates[:, part * size : (part + 1) * size] for part in (0, 1, 3)]
            pairs = zip(gates, (saved.memory, saved.memory, after), strict=True)
            flat = torch.cat([(gate * seen).sum(0) for gate, seen in pairs])
        parts = flat.split([part.numel() for part in weights.own])
        return tuple(part.view(own.shape) for part, own in zip(parts, weights.own, strict=True))


def backward_call(
    formula: Formula, direction: Direction, saved: Kept, incoming: Incoming, rooms: Rooms
) -> ctypes.Structure:
    weights, arrangement = direction.weights, direction.arrangement
    output, to_output = weights.from_hidden.shape[1], weights.to_output
    d_c = incoming.state[1] if formula.memory else None
    return bindings.recurrence_call(
        kind=formula.kind,
        training=True,
        steps=arrangement.steps,
        rows=len(direction.x),
        hidden=rooms.hidden,
        output=output,
        offsets=arrangement.offsets,
        place=arrangement.place,
        order=arrangement.order,
        weight=weights.from_hidden.contiguous(),
        packed=bindings.room_for_weight(formula.kind, rooms.hidden, output),
        to_output=contiguous(to_output),
        packed_output=None if to_output is None else bindings.room_for_projection(to_output),
        own=own_of(weights),
        input_size=direction.x.shape[2],
        gates=saved.gates,
        gates_width=saved.gates.shape[1],
        before=saved.before,
        seen=saved.seen,
        memory=saved.memory,
        **of_drops(direction.drops),
        d_gates=rooms.gates,
        d_outputs=incoming.outputs,
        d_output_stride=incoming.stride,
        d_h_last=contiguous(incoming.state[0]),
        d_c_last=contiguous(d_c),
        d_hidden=rooms.outputs,
        d_own=rooms.own,
        carry_h=rooms.carry_h,
        carry_c=rooms.carry_c,
        d_h0=rooms.h0,
        d_c0=rooms.c0,
    )
