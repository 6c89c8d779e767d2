"""One layer over all steps: from inputs to outputs, and what its backward pass needs.

Letters: B batch, T time, D input, H hidden, O output (H unless the cell projects), G gates, P the
real steps of all sequences together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ostinato.kernels import bindings
from ostinato.kernels.bindings import Arrangement, Precision
from ostinato.kernels.formulas import Formula
from ostinato.kernels.packed_weights import find_packed, store_packed
from ostinato.kernels.structs import FilledStruct

Packed = list[Tensor | None]  # memory for the packed recurrent, input and output weights


class Weights(NamedTuple):
    """The weights of a layer; None where the cell has none, or where its inputs come projected.

    Attributes:
        from_input: [G * H, D]
        from_hidden: [G * H, O]
        input_bias, hidden_bias: [G * H]
        to_output: [O, H]
        cell_parameters: those that only this formula has (`Formula.parameter_names`)
    """

    from_input: Tensor | None
    from_hidden: Tensor
    input_bias: Tensor | None
    hidden_bias: Tensor | None
    to_output: Tensor | None = None
    cell_parameters: tuple[Tensor, ...] = ()


class RecurrentDropout(NamedTuple):
    """Dropout inside the recurrence; None where there is none.

    Attributes:
        mask: [B, O], multiplied with the previous output before the recurrent weight
        rates: [2], zoneout's, of the output and of the memory cell
        noise: [T, B * O (+ B * H)] in 0..1, zoneout's: below its rate a unit stays as it was
    """

    mask: Tensor | None = None
    rates: Tensor | None = None
    noise: Tensor | None = None


class Direction(NamedTuple):
    """A layer in one direction of time: all that goes in."""

    x: Tensor  # [B, T, D]
    state: tuple[Tensor, ...]
    weights: Weights
    arrangement: Arrangement
    dropout: RecurrentDropout = RecurrentDropout()


class SavedForBackward(NamedTuple):
    """What the backward pass reads.

    Attributes:
        inputs: [P, D], or None where they come projected
        gates: [P, width], the record of each step
        h_previous: [P, O], the output before each step
        c_previous: [P, H], the memory cell before each step, or None
        h_masked: [P, O], the output before each step after recurrent dropout
    """

    inputs: Tensor | None
    gates: Tensor
    h_previous: Tensor
    c_previous: Tensor | None
    h_masked: Tensor


def remove_padding(x: Tensor, arrangement: Arrangement) -> Tensor:
    """x [B, T, D] -> [P, D], in the order the kernels work in."""
    batch, steps, width = x.shape
    if arrangement.is_full:
        return x.transpose(0, 1).reshape(steps * batch, width)
    return x.reshape(batch * steps, width).index_select(0, arrangement.padded_index)


def restore_padding(rows: Tensor, like: Tensor, arrangement: Arrangement) -> Tensor:
    """[P, D] -> [B, T, D], zero in the padding."""
    batch, steps, width = like.shape
    if arrangement.is_full:
        return rows.view(steps, batch, width).transpose(0, 1)
    full = arrangement.rows == batch * steps
    result = rows.new_empty(batch * steps, width) if full else rows.new_zeros(batch * steps, width)
    return result.index_copy_(0, arrangement.padded_index, rows).view(batch, steps, width)


def joint_input_bias(formula: Formula, weights: Weights) -> Tensor | None:
    """[G * H], added to all inputs at once: both biases, but for the one inside the brackets."""
    first, second = weights.input_bias, weights.hidden_bias
    if second is None:
        return None if first is None else first.contiguous()
    if formula.inner_bias:
        size = len(second) // formula.gates
        second = torch.cat([second[: 2 * size], second.new_zeros(size)])
    return (second if first is None else first + second).contiguous()


def inner_bias(formula: Formula, weights: Weights) -> Tensor | None:
    """[H], the bias inside the candidate's brackets."""
    if not formula.inner_bias or weights.hidden_bias is None:
        return None
    return weights.hidden_bias[2 * len(weights.hidden_bias) // 3 :].contiguous()


def joint_parameters(weights: Weights) -> Tensor | None:
    """The parameters that only this formula has, one after another."""
    if not weights.cell_parameters:
        return None
    return torch.cat([part.reshape(-1) for part in weights.cell_parameters])


def contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def forward_pass(
    formula: Formula,
    directions: Sequence[Direction],
    *,
    training: bool,
    precision: Precision = "float32",
) -> tuple[Tensor, list[tuple[Tensor, ...]], list[SavedForBackward]]:
    """One direction of a layer, or two at the same time.

    Returns:
        The outputs [B, T, O] of all directions side by side, each direction's last state, and what
        its backward pass needs (of use only with `training`).
    """
    first = directions[0]
    batch, steps, _ = first.x.shape
    width = first.weights.from_hidden.shape[1]
    shape = batch, steps, width * len(directions)
    no_padding = first.arrangement.rows == batch * steps
    outputs = first.x.new_empty(shape) if no_padding else first.x.new_zeros(shape)
    calls, saved, last, newly_packed = [], [], [], []
    for number, direction in enumerate(directions):
        packed, is_packed = find_or_allocate(formula, direction.weights, training, precision)
        if not (training or is_packed):
            newly_packed.append((direction.weights, packed))
        last.append(
            tuple(
                torch.empty_like(part, memory_format=torch.contiguous_format)
                for part in direction.state
            )
        )
        columns = outputs[..., number * width :]
        call, to_save = forward_call(
            formula,
            direction,
            packed,
            is_packed,
            columns,
            shape[2],
            last[-1],
            training=training,
            by_torch=is_projected_by_torch(precision),
        )
        calls.append(call)
        saved.append(to_save)
    bindings.forward(*calls, precision=precision)
    for weights, packed in newly_packed:
        for weight, memory in zip(packable(weights), packed, strict=True):
            if weight is not None and memory is not None:
                store_packed(weight, purpose_of(formula, precision), memory)
    return outputs, last, saved


def forward_call(
    formula: Formula,
    direction: Direction,
    packed: Packed,
    is_packed: bool,
    outputs: Tensor,
    stride: int,
    last: tuple[Tensor, ...],
    *,
    training: bool,
    by_torch: bool,
) -> tuple[FilledStruct, SavedForBackward]:
    """The call of the compiled loop, and the part of it that the backward pass reads.

    Args:
        packed: memory for the packed weights, in the order of `packable`
        is_packed: whether an earlier call has filled it
        outputs: [B, T, ..], from this direction's first column on; rows lie `stride` apart
        last: the last state, filled by the call
        training: whether to save what the backward pass reads
        by_torch: whether torch projects the inputs, all at once, if the cell does not
    """
    x, _, weights, arrangement, dropout = direction
    batch, _, input_size = x.shape
    output, hidden = weights.from_hidden.shape[1], weights.from_hidden.shape[0] // formula.gates
    given = formula.projected_inputs
    inputs = remove_padding(x, arrangement) if training and not given else x.contiguous()
    weights_here = weight_fields(formula, weights, packed)
    read = inputs
    if by_torch and weights.from_input is not None:
        read = project_by_torch(x, weights.from_input, weights_here["input_bias"])
        weights_here |= {"input_weight": None, "input_bias": None, "packed_input": None}
    gathers = not (training or read is not inputs or given)
    width = formula.record_width(training=training) * hidden
    # without a backward pass only a few steps' gates exist at a time, and two steps' states
    chunk = min(max(bindings.CHUNK, batch), arrangement.rows)
    saved = SavedForBackward(
        None if given else inputs,
        x.new_empty(arrangement.rows if training else chunk, width),
        *allocate_states(formula, direction, arrangement.rows if training else 2 * batch),
    )
    call = bindings.recurrence_call(
        kind=formula.kind,
        training=training,
        packed_before=is_packed,
        hidden=hidden,
        output=output,
        **order_fields(x, arrangement),
        **weights_here,
        inputs=read,
        gathered=x.new_empty(chunk, input_size) if gathers else None,
        input_size=read.shape[-1],
        gates=saved.gates,
        gates_width=width,
        **state_fields(formula, direction, saved, last),
        outputs=outputs,
        output_stride=stride,
        **dropout_fields(dropout),
    )
    return call, saved


def is_projected_by_torch(precision: Precision) -> bool:
    return precision == "bfloat16" and bindings.large_by_torch


def project_by_torch(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x [B, T, D] -> [B * T, G * H] by one product of bfloat16."""
    batch, steps, width = x.shape
    out = x.new_empty(batch * steps, len(weight))
    rows = x.reshape(batch * steps, width)
    return bindings.product_by_torch(rows, weight, out, bias, form="a bT")


def allocate_states(
    formula: Formula, direction: Direction, rows: int
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Memory for h_previous [rows, O], c_previous [rows, H] or None, and h_masked [rows, O].

    Without recurrent dropout h_masked is h_previous itself.
    """
    x, weights = direction.x, direction.weights
    output, hidden = weights.from_hidden.shape[1], weights.from_hidden.shape[0] // formula.gates
    h_previous = x.new_empty(rows, output)
    c_previous = x.new_empty(rows, hidden) if formula.memory else None
    masked = direction.dropout.mask is not None
    return h_previous, c_previous, x.new_empty(rows, output) if masked else h_previous


def weight_fields(formula: Formula, weights: Weights, packed: Packed) -> dict[str, Tensor | None]:
    """The fields of a call for the weights, and for the memory that they are packed in."""
    given = formula.projected_inputs
    return {
        "weight": weights.from_hidden.contiguous(),
        "bias": inner_bias(formula, weights),
        "packed": packed[0],
        "input_weight": contiguous(weights.from_input),
        "input_bias": None if given else joint_input_bias(formula, weights),
        "packed_input": packed[1],
        "to_output": contiguous(weights.to_output),
        "packed_output": packed[2],
        "cell_parameters": joint_parameters(weights),
    }


def order_fields(x: Tensor, arrangement: Arrangement) -> dict[str, Any]:
    """The fields of a call for the order of the steps of x [B, T, D]."""
    return {
        "steps": arrangement.steps,
        "rows": x.shape[0],
        "padded_rows": x.shape[0] * x.shape[1],
        "offsets": arrangement.offsets,
        "padded_index": arrangement.padded_index,
        "sorted_indices": arrangement.sorted_indices,
    }


def state_fields(
    formula: Formula, direction: Direction, saved: SavedForBackward, last: tuple[Tensor, ...]
) -> dict[str, Tensor | None]:
    """The fields of a call for the states: the first, those before each step, and the last.

    Args:
        formula: of the cell
        direction: gives the first state, and whether recurrent dropout masks the others
        saved: memory for the states before each step
        last: memory for the last state
    """
    first = direction.state
    return {
        "h0": first[0].contiguous(),
        "c0": first[1].contiguous() if formula.memory else None,
        "h_previous": saved.h_previous,
        "h_masked": None if direction.dropout.mask is None else saved.h_masked,
        "c_previous": saved.c_previous,
        "h_last": last[0],
        "c_last": last[1] if formula.memory else None,
    }


def dropout_fields(dropout: RecurrentDropout) -> dict[str, Tensor | None]:
    """The fields of a call for dropout inside the recurrence."""
    return {"mask": contiguous(dropout.mask), "zoneout": dropout.rates, "noise": dropout.noise}


def packable(weights: Weights) -> tuple[Tensor | None, ...]:
    """The weights that are packed: each may be stored so between calls that only infer."""
    return weights.from_hidden, weights.from_input, weights.to_output


def purpose_of(formula: Formula, precision: Precision) -> str:
    """Under which name a packed weight is stored."""
    return (
        formula.name
        if bindings.set_for(precision) == bindings.chosen
        else f"{formula.name} {precision}"
    )


def find_or_allocate(
    formula: Formula, weights: Weights, training: bool, precision: Precision
) -> tuple[Packed, bool]:
    """Memory for the packed weights, in the order of `packable`, and whether it is filled."""
    purpose = purpose_of(formula, precision)
    if not training:
        found = [
            None if weight is None else find_packed(weight, purpose) for weight in packable(weights)
        ]
        if all(
            weight is None or memory is not None
            for weight, memory in zip(packable(weights), found, strict=True)
        ):
            return found, True
    from_input, from_hidden, to_output = weights.from_input, weights.from_hidden, weights.to_output
    hidden = len(from_hidden) // formula.gates
    return [
        bindings.allocate_packed_weight(formula.kind, hidden, from_hidden.shape[1], precision),
        None if from_input is None else bindings.allocate_packed(from_input, form="a bT"),
        None if to_output is None else bindings.allocate_packed_projection(to_output),
    ], False
