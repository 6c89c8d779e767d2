"""What the loops must know of each formula that has a kernel. A name here is what `Cell.kernel` says."""

from __future__ import annotations

from typing import Any, NamedTuple

from ostinato.kernels import bindings


class Product(NamedTuple):
    """The gradient of `count` gates of the recurrent weight, from `gate` on: that of the numbers kept in the place
    `columns` (in H), times what the weight saw: the output before, or what is kept in the place `seen`."""

    gate: int
    count: int
    columns: int
    seen: int | None = None


class Formula(NamedTuple):
    """gates      blocks of H rows of the weights
    width       numbers kept of each step for the backward pass, in H (Cell::WIDTH)
    products    how the recurrent weight's gradient comes from them
    memory      whether the state has a memory cell
    inner       GRU: a bias stands inside the candidate's brackets
    middle      where the numbers to project are kept
    own         the cell's tensors that only this formula has, by name
    norms       how many of them, in H, have gradients that are summed up along the way (Cell::NORMS)
    given       whether the cell projects its inputs itself"""

    name: str
    kind: int
    gates: int
    width: int
    products: tuple[Product, ...]
    memory: bool = False
    inner: bool = False
    middle: int | None = None
    own: tuple[str, ...] = ()
    norms: int = 0
    given: bool = False

    def width_of(self, *, training: bool) -> int:
        """Of the room for gates, in H: without a backward pass only normalisation needs more than the gates."""
        return self.width if training or self.norms else self.gates


PEEPHOLES = ("peepholes",)
NORMS = ("norm_hidden.weight", "norm_hidden.bias")
OWN = {  # the parameters of the Python cell that its kernel reads beside weights and biases, in the kernel's order
    "lstm-peephole": PEEPHOLES,
    "lstm-peephole-projected": PEEPHOLES,
    "lstm-layer-norm": (*NORMS, "norm_cell.weight", "norm_cell.bias"),
    "gru-layer-norm": (*NORMS, "norm_candidate.weight", "norm_candidate.bias"),
}


def read_formula(name: str, described: dict[str, Any]) -> Formula:
    products = tuple(Product(*each) for each in described["products"])
    return Formula(name, **{**described, "products": products}, own=OWN.get(name, ()))


FORMULAS: dict[str, Formula] = {  # empty if the compiled module is missing
    name: read_formula(name, described)
    for name, described in (bindings._native.cells if bindings._native else {}).items()
}
