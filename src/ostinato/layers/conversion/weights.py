"""The weights of one recurrent layer in one direction, gate by gate and by name: what every convention is read into and
written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ostinato.errors import nearest

GATES: dict[str, tuple[str, ...]] = {
    "rnn": ("hidden",),
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("reset", "update", "candidate"),
    "gru-reset-before": ("reset", "update", "candidate"),
}
PEEPHOLES = ("input", "forget", "output")
Blocks = Mapping[str, Tensor]  # gate name -> its block
RESET = (
    "the reset gate acts before the product with the state in one, W_n (r * h), and after it in the other, "
    "r * (W_n h + b): no weights make these two functions equal"
)


@dataclass(frozen=True)
class Weights:
    """One layer in one direction.

        Weights("rnn", input={"hidden": W_x}, hidden={"hidden": W_h}, input_bias={"hidden": b})

    kind         "rnn", "lstm", "gru" (reset after the product) or "gru-reset-before"
    input        gate -> [H, D]
    hidden       gate -> [H, O], with O = H unless projected
    input_bias, hidden_bias   gate -> [H], or None. A GRU's hidden candidate bias stands inside r * (...)
    peepholes    input, forget, output -> [H], or None
    projection   [O, H], or None
    activation   the RNN's: "tanh", "relu", ...

    A GRU's update gate z is how much of the *old* state is kept: h_t = z * h_{t-1} + (1 - z) * n."""

    kind: str
    input: Blocks
    hidden: Blocks
    input_bias: Blocks | None = None
    hidden_bias: Blocks | None = None
    peepholes: Blocks | None = None
    projection: Tensor | None = None
    activation: str = "tanh"

    def __post_init__(self) -> None:
        if self.kind not in GATES:
            raise ValueError(f"kind {self.kind!r} is unknown{nearest(self.kind, GATES)}")
        size, width = self.hidden_size, self.output_size
        for name, columns in [
            ("input", self.input_size),
            ("hidden", width),
            ("input_bias", 0),
            ("hidden_bias", 0),
        ]:
            check_blocks(
                name, getattr(self, name), GATES[self.kind], [size, columns] if columns else [size]
            )
        check_blocks("peepholes", self.peepholes, PEEPHOLES, [size])
        if self.projection is not None and list(self.projection.shape) != [width, size]:
            raise ValueError(
                f"projection must be {[width, size]}; got {list(self.projection.shape)}"
            )

    @property
    def input_size(self) -> int:
        return next(iter(self.input.values())).shape[1]

    @property
    def hidden_size(self) -> int:
        return next(iter(self.input.values())).shape[0]

    @property
    def output_size(self) -> int:
        return self.hidden_size if self.projection is None else self.projection.shape[0]


def check_blocks(name: str, blocks: Blocks | None, gates: Sequence[str], shape: list[int]) -> None:
    """Each gate there once, each block of `shape`."""
    if blocks is None:
        return
    if sorted(blocks) != sorted(gates):
        raise ValueError(f"{name} must have the gates {', '.join(gates)}; got {', '.join(blocks)}")
    for gate, block in blocks.items():
        if list(block.shape) != shape:
            raise ValueError(f"{name}[{gate!r}] must be {shape}; got {list(block.shape)}")


def split(name: str, tensor: Tensor, order: Sequence[str]) -> dict[str, Tensor]:
    """split("W", [[1], [2]], ("reset", "update")) -> {"reset": [[1]], "update": [[2]]}"""
    rows = tensor.shape[0] if tensor.dim() else 0
    if not rows or rows % len(order):
        raise ValueError(
            f"{name} must have {len(order)} blocks of rows, one a gate; got {list(tensor.shape)}"
        )
    return dict(zip(order, tensor.chunk(len(order)), strict=True))


def join(blocks: Blocks, order: Sequence[str]) -> Tensor:
    """The blocks one below the other, in `order`."""
    return torch.cat([blocks[gate] for gate in order])


def flip_update(weights: Weights) -> Weights:
    """The same numbers read with the update gate the other way round: u = 1 - z, since sigmoid(-a) = 1 - sigmoid(a)."""
    names = ("input", "hidden", "input_bias", "hidden_bias")
    found = {name: getattr(weights, name) for name in names}
    flipped = {
        name: {**blocks, "update": -blocks["update"]}
        for name, blocks in found.items()
        if blocks is not None
    }
    return replace(weights, **flipped)


def one_bias(weights: Weights, target: str) -> dict[str, Tensor] | None:
    """Both biases as one. Refuses where the second stands inside a reset-after GRU's brackets and is not zero."""
    first, second = weights.input_bias, weights.hidden_bias
    if first is None or second is None:
        first, second = first or second, None
    inside = weights.hidden_bias
    if weights.kind == "gru" and inside is not None and inside["candidate"].any():
        raise ValueError(
            f"{target} has one bias, and this GRU a second one that the reset gate multiplies, r * (W_n h + b): "
            "it cannot be added to the first"
        )
    if first is None or second is None:
        return None if first is None else dict(first)
    return {gate: first[gate] + second[gate] for gate in first}


def two_biases(weights: Weights) -> tuple[Blocks, Blocks] | None:
    """Both biases, a missing one of the two as zeros; None if there is none."""
    first, second = weights.input_bias, weights.hidden_bias
    if first is None and second is None:
        return None
    zeros = {gate: block.new_zeros(block.shape[0]) for gate, block in weights.input.items()}
    return zeros if first is None else first, zeros if second is None else second


def refuse(
    weights: Weights,
    target: str,
    *,
    kinds: Sequence[str],
    peepholes: bool = False,
    projection: bool = False,
):
    """ValueError with the reason if `target` has no such layer."""
    if weights.kind not in kinds:
        if weights.kind.startswith("gru") and any(kind.startswith("gru") for kind in kinds):
            raise ValueError(f"a {weights.kind} cannot be written as {target}'s GRU: {RESET}")
        raise ValueError(f"{target} has no {weights.kind}; it has {', '.join(kinds)}")
    if weights.peepholes is not None and not peepholes:
        raise ValueError(
            f"{target} has no peepholes, and without them this LSTM is another function"
        )
    if weights.projection is not None and not projection:
        raise ValueError(
            f"{target} has no projected LSTM, and unprojected weights cannot express it"
        )
