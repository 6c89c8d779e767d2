"""The weights of recurrent layers, gate by gate and by name.

`Weights` are one layer in one direction, a *layer* is a tuple of one or two of them (forward,
backward), a *stack* is a list of layers, the lowest first. Letters: D input, H hidden, O output (H
unless projected)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ostinato.cells.rnn import ACTIVATIONS
from ostinato.errors import InputError, nearest

GATES: dict[str, tuple[str, ...]] = {
    "rnn": ("hidden",),
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("reset", "update", "candidate"),
    "gru-reset-before": ("reset", "update", "candidate"),
}
PEEPHOLES = ("input", "forget", "output")
Blocks = Mapping[str, Tensor]  # gate name -> its block
RESET = (
    "the reset gate acts before the product with the state in one, W_n (r * h), and after it in "
    "the other, "
    "r * (W_n h + b): no weights make these two functions equal"
)


@dataclass(frozen=True)
class Weights:
    """One layer in one direction.

        Weights("rnn", input={"hidden": W_x}, hidden={"hidden": W_h}, input_bias={"hidden": b})

    A GRU's update gate z is how much of the *old* state is kept: h_t = z * h_{t-1} + (1 - z) * n.

    Attributes:
        kind: "rnn", "lstm", "gru" (reset after the product) or "gru-reset-before".
        input: Gate -> [H, D].
        hidden: Gate -> [H, O].
        input_bias: Gate -> [H], or None.
        hidden_bias: Gate -> [H], or None. A GRU's hidden candidate bias is inside r * (...).
        peepholes: input, forget, output -> [H], or None.
        projection: [O, H], or None.
        activation: The RNN's: "tanh", "relu" or "sigmoid".

    Raises:
        InputError: An unknown kind or activation, a missing gate, or a block of another shape.
    """

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
            raise InputError(f"kind {self.kind!r} is unknown{nearest(self.kind, GATES)}")
        known = tuple(ACTIVATIONS) if self.kind == "rnn" else ("tanh",)
        if self.activation not in known:
            raise InputError(
                f"activation of a {self.kind} must be {' or '.join(known)}; got {self.activation!r}"
            )
        size, width = self.hidden_size, self.output_size
        gates = GATES[self.kind]
        check_blocks("input", self.input, gates, [size, self.input_size])
        check_blocks("hidden", self.hidden, gates, [size, width])
        check_blocks("input_bias", self.input_bias, gates, [size])
        check_blocks("hidden_bias", self.hidden_bias, gates, [size])
        check_blocks("peepholes", self.peepholes, PEEPHOLES, [size])
        if self.projection is not None and list(self.projection.shape) != [width, size]:
            raise InputError(
                f"projection must be {[width, size]}; got {list(self.projection.shape)}"
            )

    @property
    def input_size(self) -> int:
        """D"""
        return next(iter(self.input.values())).shape[1]

    @property
    def hidden_size(self) -> int:
        """H"""
        return next(iter(self.input.values())).shape[0]

    @property
    def output_size(self) -> int:
        """O"""
        return self.hidden_size if self.projection is None else self.projection.shape[0]


Layer = tuple[Weights, ...]  # (forward,) or (forward, backward)
Stack = list[Layer]


def check_blocks(name: str, blocks: Blocks | None, gates: Sequence[str], shape: list[int]) -> None:
    """Raises InputError unless each gate has one block of `shape`."""
    if blocks is None:
        return
    if sorted(blocks) != sorted(gates):
        raise InputError(f"{name} must have the gates {', '.join(gates)}; got {', '.join(blocks)}")
    for gate, block in blocks.items():
        if list(block.shape) != shape:
            raise InputError(f"{name}[{gate!r}] must be {shape}; got {list(block.shape)}")


def check_alike(layers: Sequence[Weights], target: str, *fields: str) -> None:
    """Raises InputError unless all directions and layers agree in what `target` has once."""
    for field in fields:
        found = list(dict.fromkeys(getattr(weights, field) for weights in layers))
        if len(found) > 1:
            raise InputError(
                f"{target} has one {field} for all directions and layers; "
                f"got {', '.join(map(str, found))}"
            )


def check_stack(stack: Stack, *, directions_join: bool = True) -> None:
    """Raises InputError unless each layer reads what the layer below it returns.

    Args:
        stack: The layers.
        directions_join: Whether the outputs of two directions are concatenated; otherwise they are
            added or the like.
    """
    counts = [len(layer) for layer in stack]
    if not stack or set(counts) not in ({1}, {2}):
        raise InputError(f"a stack must be layers of one direction or layers of two; got {counts}")
    for number, (below, layer) in enumerate(zip(stack, stack[1:], strict=False), start=1):
        width = below[0].output_size * (len(below) if directions_join else 1)
        for weights in layer:
            if weights.input_size != width:
                raise InputError(
                    f"layer {number} must read {width} values a step, as layer {number - 1} gives; "
                    f"it reads {weights.input_size}"
                )


def split(name: str, tensor: Tensor, order: Sequence[str]) -> dict[str, Tensor]:
    """split("W", [[1], [2]], ("reset", "update")) -> {"reset": [[1]], "update": [[2]]}"""
    rows = tensor.shape[0] if tensor.dim() else 0
    if not rows or rows % len(order):
        raise InputError(
            f"{name} must have {len(order)} blocks of rows, one a gate; got {list(tensor.shape)}"
        )
    return dict(zip(order, tensor.chunk(len(order)), strict=True))


def join(blocks: Blocks, order: Sequence[str]) -> Tensor:
    """The blocks one below the other, in `order`."""
    return torch.cat([blocks[gate] for gate in order])


def flip_update(weights: Weights) -> Weights:
    """The update gate as u = 1 - z: as sigmoid(-a) = 1 - sigmoid(a), its weights change sign."""

    def flip(blocks: Blocks) -> Blocks:
        return {**blocks, "update": -blocks["update"]}

    first, second = weights.input_bias, weights.hidden_bias
    return replace(
        weights,
        input=flip(weights.input),
        hidden=flip(weights.hidden),
        input_bias=None if first is None else flip(first),
        hidden_bias=None if second is None else flip(second),
    )


def add_biases(weights: Weights, target: str) -> dict[str, Tensor] | None:
    """Both biases as one, for a `target` with one bias a gate; None if there is none.

    Raises:
        InputError: The second one is inside a reset-after GRU's brackets and not zero.
    """
    first, second = weights.input_bias, weights.hidden_bias
    if weights.kind == "gru" and second is not None and second["candidate"].any():
        raise InputError(
            f"{target} has one bias, and this GRU a second one that the reset gate multiplies, r * "
            "(W_n h + b): "
            "it cannot be added to the first"
        )
    if first is None or second is None:
        only = first or second
        return None if only is None else dict(only)
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
    activations: Sequence[str],
    peepholes: bool = False,
    projection: bool = False,
) -> None:
    """Raises InputError with the reason if `target` has no such layer.

    Args:
        weights: What is to be written.
        target: The name of the library or book.
        kinds: The kinds it has.
        activations: The activations that its RNN has.
        peepholes: Whether it has LSTMs with peepholes.
        projection: Whether it has LSTMs with a projection.
    """
    if weights.kind not in kinds:
        if weights.kind.startswith("gru") and any(kind.startswith("gru") for kind in kinds):
            raise InputError(f"a {weights.kind} cannot be written as {target}'s GRU: {RESET}")
        raise InputError(f"{target} has no {weights.kind}; it has {', '.join(kinds)}")
    if weights.activation not in activations:
        raise InputError(
            f"{target} has no RNN with {weights.activation}; it has {', '.join(activations)}"
        )
    if weights.peepholes is not None and not peepholes:
        raise InputError(
            f"{target} has no peepholes, and without them this LSTM is another function"
        )
    if weights.projection is not None and not projection:
        raise InputError(
            f"{target} has no projected LSTM, and unprojected weights cannot express it"
        )
