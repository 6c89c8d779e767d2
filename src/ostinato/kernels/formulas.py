"""The formulas that have a kernel: gates, parts, widths. A name here is `Cell.kernel_name`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ostinato.kernels import bindings


class RecurrentProduct(NamedTuple):
    """How a part of the recurrent weight's gradient is made, as a product over all steps.

    Attributes:
        gate, gates: which gates of the weight [gates * H, O]: the first one, and how many
        columns: the columns (in H) of a step's record that hold these gates' gradients
        factor: the column (in H) that holds what the weight was multiplied with; None for the
            previous output
    """

    gate: int
    gates: int
    columns: int
    factor: int | None = None


class Formula(NamedTuple):
    """A cell's formula, as the compiled module describes it.

    Attributes:
        name: `Cell.kernel_name`
        kind: its number in the compiled module
        gates: blocks of H rows of the weights
        width: numbers recorded of each step for the backward pass, in H (Cell::WIDTH)
        products: how the recurrent weight's gradient is made from the records
        memory: whether the state has a memory cell c
        inner_bias: whether a bias stands inside the candidate's brackets (GRU, reset after)
        projected_column: which column of the record a projection reads; None without one
        parameter_names: the cell's parameters that only this formula has
        norms: how many of those, in H, have gradients that are summed along the steps
        projected_inputs: whether the cell projects its inputs itself
    """

    name: str
    kind: int
    gates: int
    width: int
    products: tuple[RecurrentProduct, ...]
    memory: bool = False
    inner_bias: bool = False
    projected_column: int | None = None
    parameter_names: tuple[str, ...] = ()
    norms: int = 0
    projected_inputs: bool = False

    def record_width(self, *, training: bool) -> int:
        """Of a record, in H: without a backward pass only normalisation needs more than gates."""
        return self.width if training or self.norms else self.gates


PEEPHOLES = ("peepholes",)
NORMS = ("norm_hidden.weight", "norm_hidden.bias")
# the parameters of the Python cell that its kernel reads beside weights and biases, in its order
PARAMETERS = {
    "lstm-peephole": PEEPHOLES,
    "lstm-peephole-projected": PEEPHOLES,
    "lstm-layer-norm": (*NORMS, "norm_cell.weight", "norm_cell.bias"),
    "gru-layer-norm": (*NORMS, "norm_candidate.weight", "norm_candidate.bias"),
}


def read_formula(name: str, described: Mapping[str, Any]) -> Formula:
    products = tuple(RecurrentProduct(*each) for each in described["products"])
    fields = {**described, "products": products, "parameter_names": PARAMETERS.get(name, ())}
    return Formula(name, **fields)


FORMULAS: dict[str, Formula] = {  # empty if the compiled module is missing
    name: read_formula(name, described)
    for name, described in (bindings._native.cells if bindings._native else {}).items()
}
