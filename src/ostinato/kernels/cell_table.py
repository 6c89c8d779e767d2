"""What the loops must know of each formula that has a kernel. A name here is what `Cell.kernel` says."""

from __future__ import annotations

from typing import NamedTuple

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
    gates: int
    width: int
    products: tuple[Product, ...]
    memory: bool = False
    inner: bool = False
    middle: int | None = None
    own: tuple[str, ...] = ()
    norms: int = 0
    given: bool = False

    @property
    def kind(self) -> int:
        return bindings.KINDS[self.name]

    def width_of(self, *, training: bool) -> int:
        """Of the room for gates, in H: without a backward pass only normalisation needs more than the gates."""
        return self.width if training or self.norms else self.gates


def lstm(name: str, width: int, **more) -> Formula:
    return Formula(name, gates=4, width=width, products=(Product(0, 4, 0),), memory=True, **more)


PEEPHOLES = ("peepholes",)
NORMS = ("norm_hidden.weight", "norm_hidden.bias")
ALL = [
    Formula("rnn-tanh", gates=1, width=1, products=(Product(0, 1, 0),)),
    Formula("rnn-relu", gates=1, width=1, products=(Product(0, 1, 0),)),
    lstm("lstm", 4),
    lstm("lstm-projected", 5, middle=4),
    lstm("lstm-peephole", 5, own=PEEPHOLES),
    lstm("lstm-peephole-projected", 6, middle=5, own=PEEPHOLES),
    Formula("gru", gates=3, width=4, products=(Product(0, 2, 0), Product(2, 1, 3)), inner=True),
    Formula(
        "gru-reset-before", gates=3, width=4, products=(Product(0, 2, 0), Product(2, 1, 2, seen=3))
    ),
    Formula(
        "lstm-layer-norm",
        gates=4,
        width=9,
        products=(Product(0, 4, 4),),
        memory=True,
        norms=10,
        given=True,
        own=(*NORMS, "norm_cell.weight", "norm_cell.bias"),
    ),
    Formula(
        "gru-layer-norm",
        gates=3,
        width=6,
        products=(Product(0, 3, 3),),
        norms=6,
        given=True,
        own=(*NORMS, "norm_candidate.weight", "norm_candidate.bias"),
    ),
]
FORMULAS = {formula.name: formula for formula in ALL}
