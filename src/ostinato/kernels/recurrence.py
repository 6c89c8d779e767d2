"""One layer in one direction: from inputs to outputs, and from their gradients back to those of inputs and weights.

Letters: B batch, T time, D input, H hidden, G gates, P the real steps of all rows together."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.kernels import native
from ostinato.kernels.native import Arrangement, Call
from ostinato.kernels.packed import keep, kept


class Formula(NamedTuple):
    """What the loop must know of a cell: gates; numbers kept of each step for the backward pass (in H); whether the
    state has a memory cell; which of the kept numbers meet the recurrent weight's gradient."""

    name: str
    gates: int
    width: int
    memory: bool = False
    inner: bool = False  # GRU: the candidate's product has a gradient of its own, kept behind the gates'

    @property
    def kind(self) -> int:
        return native.KINDS[self.name]


FORMULAS = {
    "rnn-tanh": Formula("rnn-tanh", gates=1, width=1),
    "rnn-relu": Formula("rnn-relu", gates=1, width=1),
    "lstm": Formula("lstm", gates=4, width=4, memory=True),
    "gru": Formula("gru", gates=3, width=4, inner=True),
}


class Weights(NamedTuple):
    """from_input [G * H, D], from_hidden [G * H, H]; input_bias and hidden_bias [G * H] or None."""

    from_input: Tensor
    from_hidden: Tensor
    input_bias: Tensor | None
    hidden_bias: Tensor | None


class Kept(NamedTuple):
    """What the backward pass reads: rows and gates [P, ...] and the state before each step."""

    rows: Tensor
    gates: Tensor
    before: Tensor
    memory: Tensor | None


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
        size = weights.from_hidden.shape[1]
        added = torch.cat([added[: 2 * size], added.new_zeros(size)])
    return (added if own is None else own + added).contiguous()


def forward(
    formula: Formula,
    x: Tensor,
    state: tuple[Tensor, ...],
    weights: Weights,
    arrangement: Arrangement,
    *,
    training: bool,
) -> tuple[Tensor, tuple[Tensor, ...], Kept | None]:
    """(x [B, T, D], state) -> (outputs [B, T, H], last state, what the backward pass needs)."""
    batch, steps, _ = x.shape
    size = weights.from_hidden.shape[1]
    rows = rows_of(x, arrangement) if training else x.contiguous()
    width = (formula.width if training else formula.gates) * size
    chunk = max(native.CHUNK, batch)  # steps are projected whole
    gates = x.new_empty(arrangement.count if training else min(chunk, arrangement.count), width)
    kept_rows = arrangement.count if training else 2 * batch
    before = x.new_empty(kept_rows, size)
    memory = x.new_empty(kept_rows, size) if formula.memory else None
    whole = arrangement.count == batch * steps
    outputs = x.new_empty(batch, steps, size) if whole else x.new_zeros(batch, steps, size)
    last = tuple(x.new_empty(batch, size) for _ in state)
    rooms, filled = packed_rooms(formula, weights, training)
    native.forward(
        Call(
            formula.kind,
            training,
            filled,
            arrangement.steps,
            batch,
            size,
            arrangement.offsets,
            arrangement.place,
            arrangement.order,
            weights.from_hidden.contiguous(),
            inner_bias(formula, weights),
            rooms[0],
            rows,
            None if training else x.new_empty(len(gates), x.shape[2]),
            x.shape[2],
            weights.from_input.contiguous(),
            input_bias_of(formula, weights),
            rooms[1],
            gates,
            width,
            before,
            memory,
            state[0].contiguous(),
            state[1].contiguous() if formula.memory else None,
            outputs,
            last[0],
            last[1] if formula.memory else None,
        )
    )
    if not training and not filled:
        for weight, room in zip(weights[1::-1], rooms, strict=True):
            keep(weight, formula.name, room)
    return outputs, last, Kept(rows, gates, before, memory) if training else None


def packed_rooms(formula: Formula, weights: Weights, training: bool) -> tuple[list[Tensor], bool]:
    """Room for the packed recurrent and input weights, and whether both stand there already."""
    if not training:
        found = [kept(weight, formula.name) for weight in weights[1::-1]]
        if all(room is not None for room in found):
            return found, True
    room = native.room_for_weight(formula.kind, weights.from_hidden.shape[1])
    return [room, native.room_for(weights.from_input, form="a bT")], False


def inner_bias(formula: Formula, weights: Weights) -> Tensor | None:
    """The bias inside the candidate's brackets."""
    if not formula.inner or weights.hidden_bias is None:
        return None
    return weights.hidden_bias[2 * weights.from_hidden.shape[1] :].contiguous()


class Gradients(NamedTuple):
    """Of x, of the state's two parts, and of the four weights; None where not wanted."""

    x: Tensor | None
    h0: Tensor | None
    c0: Tensor | None
    from_input: Tensor | None
    from_hidden: Tensor | None
    input_bias: Tensor | None
    hidden_bias: Tensor | None


def backward(
    formula: Formula,
    x: Tensor,
    weights: Weights,
    arrangement: Arrangement,
    saved: Kept,
    d_outputs: Tensor | None,
    d_last: tuple[Tensor | None, ...],
    wanted: tuple[bool, ...],
    *,
    overwrite: bool,
) -> Gradients:
    """The gradients that are `wanted`, in the order of `Gradients`. With `overwrite`, `saved` is used up."""
    batch = x.shape[0]
    size = weights.from_hidden.shape[1]
    d_gates = saved.gates if overwrite else torch.empty_like(saved.gates)
    room = x.new_empty(batch, size)
    d_h0 = x.new_empty(batch, size) if wanted[1] else None
    d_c0 = x.new_empty(batch, size) if wanted[2] and formula.memory else None
    native.backward(
        Call(
            formula.kind,
            True,
            False,
            arrangement.steps,
            batch,
            size,
            arrangement.offsets,
            arrangement.place,
            arrangement.order,
            weights.from_hidden.contiguous(),
            None,
            native.room_for_weight(formula.kind, size),
            None,
            None,
            x.shape[2],
            None,
            None,
            None,
            saved.gates,
            formula.width * size,
            saved.before,
            saved.memory,
            d_gates=d_gates,
            d_outputs=None if d_outputs is None else d_outputs.contiguous(),
            d_h_last=None if d_last[0] is None else d_last[0].contiguous(),
            d_c_last=None if not formula.memory or d_last[1] is None else d_last[1].contiguous(),
            carry_h=room,
            carry_c=room,
            d_h0=d_h0,
            d_c0=d_c0,
        )
    )
    return Gradients(None, d_h0, d_c0, None, None, None, None)._replace(
        **of_weights(formula, x, weights, arrangement, saved, d_gates, wanted)
    )


def of_weights(formula, x, weights, arrangement, saved, d_gates, wanted) -> dict[str, Tensor]:
    """The large products after the loop: from the gates' gradients to those of x, weights and biases."""
    size = weights.from_hidden.shape[1]
    found = {}
    by_input = d_gates[:, : formula.gates * size]
    if wanted[0]:
        rows = native.product(by_input, weights.from_input.contiguous(), torch.empty_like(saved.rows), form="a b")
        found["x"] = back_to_batch(rows, x, arrangement)
    if wanted[3]:
        empty = torch.empty(weights.from_input.shape)
        found["from_input"] = native.product(by_input, saved.rows, empty, form="aT b")
    if wanted[4]:
        found["from_hidden"] = d_weight = torch.empty(weights.from_hidden.shape)
        for part, columns in hidden_columns(formula, size):
            native.product(d_gates[:, columns], saved.before, d_weight[part], form="aT b")
    if wanted[5] or wanted[6]:
        sums = d_gates.sum(0)
        if wanted[5]:
            found["input_bias"] = sums[: formula.gates * size]
        if wanted[6]:
            found["hidden_bias"] = torch.cat([sums[columns] for _, columns in hidden_columns(formula, size)])
    return found


def hidden_columns(formula: Formula, size: int) -> list[tuple[slice, slice]]:
    """Which rows of the recurrent weight's gradient come from which columns of the gates'."""
    if formula.inner:
        return [(slice(0, 2 * size), slice(0, 2 * size)), (slice(2 * size, 3 * size), slice(3 * size, 4 * size))]
    return [(slice(0, formula.gates * size), slice(0, formula.gates * size))]
