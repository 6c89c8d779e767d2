"""From the gradients of outputs and last states to those of inputs, weights and first states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ostinato.kernels import bindings
from ostinato.kernels.bindings import Precision
from ostinato.kernels.formulas import Formula
from ostinato.kernels.sequence.forward import (
    Direction,
    SavedForBackward,
    Weights,
    contiguous,
    dropout_fields,
    joint_parameters,
    order_fields,
    restore_padding,
)
from ostinato.kernels.structs import FilledStruct

DENSE = torch.contiguous_format


class Gradients(NamedTuple):
    """The gradients of all tensors of a direction; None where they are not needed."""

    x: Tensor | None = None
    h0: Tensor | None = None
    c0: Tensor | None = None
    from_input: Tensor | None = None
    from_hidden: Tensor | None = None
    input_bias: Tensor | None = None
    hidden_bias: Tensor | None = None
    to_output: Tensor | None = None
    cell_parameters: tuple[Tensor, ...] = ()


class Needed(NamedTuple):
    """Which gradients are needed: the fields of `Gradients`."""

    x: bool
    h0: bool
    c0: bool
    from_input: bool
    from_hidden: bool
    input_bias: bool
    hidden_bias: bool
    to_output: bool
    cell_parameters: tuple[bool, ...]

    @staticmethod
    def of(flags: Sequence[bool]) -> Needed:
        """From one flag for each tensor of a direction, in the order of the fields."""
        x, h0, c0, from_input, from_hidden, input_bias, hidden_bias, to_output, *own = flags
        weights = from_input, from_hidden, input_bias, hidden_bias, to_output
        return Needed(x, h0, c0, *weights, tuple(own))


class Incoming(NamedTuple):
    """The gradients of one direction's results.

    Attributes:
        outputs: [B, T, ..], from this direction's first column on; rows lie `stride` apart
        stride: numbers from one row of `outputs` to the next
        state: of each part of the last state
    """

    outputs: Tensor | None
    stride: int
    state: tuple[Tensor | None, ...]


def backward_pass(
    formula: Formula,
    directions: Sequence[Direction],
    saved: Sequence[SavedForBackward],
    incoming: Sequence[Incoming],
    needed: Sequence[Needed],
    *,
    overwrite: bool,
    precision: Precision = "float32",
) -> list[Gradients]:
    """The needed gradients of each direction. With `overwrite`, `saved` is used up."""
    passes = [
        DirectionBackward(formula, *each, overwrite=overwrite, precision=precision)
        for each in zip(directions, saved, needed, strict=True)
    ]
    calls = [one.call(d) for one, d in zip(passes, incoming, strict=True)]
    bindings.backward(*calls, precision=precision)
    return [one.gradients() for one in passes]


class DirectionBackward:
    """The backward pass of one direction: its workspace, its call, and the products after it."""

    def __init__(
        self,
        formula: Formula,
        direction: Direction,
        saved: SavedForBackward,
        needed: Needed,
        *,
        overwrite: bool,
        precision: Precision,
    ):
        self.precision = precision
        self.formula, self.direction, self.saved, self.needed = formula, direction, saved, needed
        weight = direction.weights.from_hidden
        batch, (rows, output) = len(direction.x), weight.shape
        self.hidden = hidden = rows // formula.gates
        self.d_gates = saved.gates if overwrite else torch.empty_like(saved.gates)  # [P, width]
        self.carry_h = weight.new_empty(batch, output)
        self.carry_c = weight.new_empty(batch, hidden) if formula.memory else None
        self.d_h0 = weight.new_empty(batch, output) if needed.h0 else None
        self.d_c0 = weight.new_empty(batch, hidden) if needed.c0 and formula.memory else None
        self.d_outputs: Tensor | None = None  # of each step's output, before a projection
        if formula.projected_column is not None:
            self.d_outputs = weight.new_empty(direction.arrangement.rows, output)
        elif formula.norms:
            self.d_outputs = weight.new_empty(batch, output)
        self.d_norms: Tensor | None = None  # each thread's sum
        if formula.norms:
            self.d_norms = weight.new_zeros(torch.get_num_threads(), formula.norms * hidden)

    def call(self, incoming: Incoming) -> FilledStruct:
        """The call of the compiled loop, which fills the workspace."""
        formula, direction, saved = self.formula, self.direction, self.saved
        weights = direction.weights
        input_size, output = direction.x.shape[2], weights.from_hidden.shape[1]
        to_output = weights.to_output
        return bindings.recurrence_call(
            kind=formula.kind,
            training=True,
            hidden=self.hidden,
            output=output,
            **order_fields(direction.x, direction.arrangement),
            weight=weights.from_hidden.contiguous(),
            packed=bindings.allocate_packed_weight(
                formula.kind, self.hidden, output, self.precision
            ),
            to_output=contiguous(to_output),
            packed_output=None
            if to_output is None
            else bindings.allocate_packed_projection(to_output),
            cell_parameters=joint_parameters(weights),
            input_size=input_size,
            gates=saved.gates,
            gates_width=saved.gates.shape[1],
            h_previous=saved.h_previous,
            h_masked=saved.h_masked,
            c_previous=saved.c_previous,
            **dropout_fields(direction.dropout),
            d_gates=self.d_gates,
            d_outputs=incoming.outputs,
            d_output_stride=incoming.stride,
            d_h_last=contiguous(incoming.state[0]),
            d_c_last=contiguous(incoming.state[1]) if formula.memory else None,
            d_hidden=self.d_outputs,
            d_cell_parameters=self.d_norms,
            carry_h=self.carry_h,
            carry_c=self.carry_c,
            d_h0=self.d_h0,
            d_c0=self.d_c0,
        )

    def gradients(self) -> Gradients:
        """From the gates' gradients to those of x, weights and biases: products over all steps."""
        formula, weights, needed, saved = (
            self.formula,
            self.direction.weights,
            self.needed,
            self.saved,
        )
        found: dict[str, Any] = {"h0": self.d_h0, "c0": self.d_c0}
        width = formula.gates * self.hidden
        d_projected = self.d_gates[:, :width]  # [P, G * H]
        if needed.x:
            found["x"] = self.d_x(d_projected)
        if needed.from_input and weights.from_input is not None and saved.inputs is not None:
            found["from_input"] = d_weight = torch.empty_like(
                weights.from_input, memory_format=DENSE
            )
            self.add_up_steps(d_projected, saved.inputs, d_weight)
        if needed.from_hidden:
            found["from_hidden"] = d_weight = torch.empty_like(
                weights.from_hidden, memory_format=DENSE
            )
            for rows, columns, factor in self.products():
                self.add_up_steps(self.d_gates[:, columns], factor, d_weight[rows])
        if needed.input_bias or needed.hidden_bias:
            sums = self.d_gates.sum(0)
            if needed.input_bias:
                found["input_bias"] = sums[:width]
            if needed.hidden_bias:
                found["hidden_bias"] = torch.cat(
                    [sums[columns] for _, columns, _ in self.products()]
                )
        if needed.to_output and weights.to_output is not None and self.d_outputs is not None:
            assert formula.projected_column is not None
            found["to_output"] = d_weight = torch.empty_like(weights.to_output, memory_format=DENSE)
            projected = self.recorded(formula.projected_column)
            self.add_up_steps(self.d_outputs, projected, d_weight)
        if any(needed.cell_parameters):
            found["cell_parameters"] = self.d_cell_parameters(weights)
        return Gradients(**found)

    def add_up_steps(self, gradient: Tensor, factor: Tensor, d_weight: Tensor) -> None:
        """d_weight = the sum over all steps of gradient [P, M] times factor [P, N]."""
        bindings.product(gradient, factor, d_weight, form="aT b", precision=self.precision)

    def d_x(self, d_projected: Tensor) -> Tensor:
        x, arrangement = self.direction.x, self.direction.arrangement
        weight, inputs = self.direction.weights.from_input, self.saved.inputs
        if weight is None or inputs is None:  # x is projected already
            return restore_padding(d_projected, x, arrangement)
        rows = bindings.product(
            d_projected,
            weight.contiguous(),
            torch.empty_like(inputs),
            form="a b",
            precision=self.precision,
        )
        return restore_padding(rows, x, arrangement)

    def recorded(self, column: int) -> Tensor:
        """[P, H]: one column, in H, of each step's record."""
        return self.saved.gates[:, column * self.hidden : (column + 1) * self.hidden]

    def products(self) -> Iterator[tuple[slice, slice, Tensor]]:
        """Rows of the recurrent weight, columns of their gates' gradients, the factor [P, .]."""
        size = self.hidden
        for gate, count, columns, factor in self.formula.products:
            yield (
                slice(gate * size, (gate + count) * size),
                slice(columns * size, (columns + count) * size),
                self.saved.h_masked if factor is None else self.recorded(factor),
            )

    def d_cell_parameters(self, weights: Weights) -> tuple[Tensor, ...]:
        """The gradients of peepholes, or of the gains and biases of normalisations."""
        if self.d_norms is not None:
            flat = self.d_norms.sum(0)
        else:
            size, before = self.hidden, self.saved.c_previous
            assert (
                before is not None
            )  # peepholes look at the memory cell: c before the step, c after it
            gates = [self.d_gates[:, part * size : (part + 1) * size] for part in (0, 1, 3)]
            pairs = zip(gates, (before, before, self.recorded(4)), strict=True)
            flat = torch.cat([(gate * cell).sum(0) for gate, cell in pairs])
        parts = flat.split([part.numel() for part in weights.cell_parameters])
        return tuple(
            part.view(like.shape) for part, like in zip(parts, weights.cell_parameters, strict=True)
        )
