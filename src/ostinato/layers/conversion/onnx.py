"""Weights of ONNX's operators RNN, LSTM and GRU, to and from layers of Weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ostinato.errors import InputError
from ostinato.layers.conversion.layouts import (
    Array,
    read_weights,
    to_numpy,
    to_tensor,
    write_weights,
)
from ostinato.layers.conversion.weights import PEEPHOLES, Layer, Weights, check_alike, join, split

ORDER = ("input", "output", "forget")  # of the peepholes P
USUAL = {"rnn": ("tanh",), "lstm": ("sigmoid", "tanh", "tanh"), "gru": ("sigmoid", "tanh")}
DIRECTIONS = {"forward": 1, "bidirectional": 2}


def from_onnx(
    kind: str,
    w: Array,
    r: Array,
    b: Array | None = None,
    p: Array | None = None,
    *,
    direction: str | bytes | None = None,
    hidden_size: int | None = None,
    linear_before_reset: int = 0,
    activations: Sequence[str | bytes] | None = None,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    input_forget: int = 0,
    clip: float | None = None,
    layout: int = 0,
) -> Layer:
    """The inputs and attributes of an ONNX node -> a layer.

        inputs, attributes = to_onnx(layer)
        from_onnx("lstm", *(inputs.get(name) for name in "WRBP"), **attributes)

    Texts may be bytes, as `onnx.helper.get_attribute_value` gives them.

    Args:
        kind: The node's operator: "rnn", "lstm" or "gru".
        w: W [directions, gates * H, D].
        r: R [directions, gates * H, H].
        b: B [directions, 2 * gates * H], or None.
        p: P [directions, 3 * H], or None.
        direction: "forward" or "bidirectional"; None: by the number of directions in W.
        hidden_size: H; None: by R.
        linear_before_reset: 1 for a GRU whose reset gate acts after the product.
        activations: As the node's; None: the operator's defaults.
        activation_alpha: Without effect on the activations that cells here have.
        activation_beta: As activation_alpha.
        input_forget: Refused unless 0.
        clip: Refused unless None.
        layout: The node's; it changes inputs and outputs, not weights.

    Raises:
        InputError: An attribute that changes the formula into one that no cell here has, or that
            contradicts the arrays.
    """
    kind = kind.lower()
    check_formula(kind, input_forget, clip)
    check_shapes(w, r, None if direction is None else as_text(direction), hidden_size)
    by_direction = split_activations(kind, activations, len(w))
    if kind == "gru" and not linear_before_reset:
        kind = "gru-reset-before"
    return tuple(
        read_direction(kind, number, w, r, b, p, activation=activation)
        for number, activation in enumerate(by_direction)
    )


def read_direction(
    kind: str, number: int, w: Array, r: Array, b: Array | None, p: Array | None, *, activation: str
) -> Weights:
    """One direction of an ONNX node's inputs -> its Weights.

    Args:
        kind: Of the cell.
        number: Of the direction: 0, or 1 for the second.
        w: W, as r, b and p with all directions (see `from_onnx`).
        r: R.
        b: B, or None.
        p: P, or None.
        activation: Of this direction.
    """
    biases = () if b is None else to_tensor(b[number]).chunk(2)
    peepholes = None if p is None else split("P", to_tensor(p[number]), ORDER)
    return read_weights(
        "onnx",
        kind,
        w[number],
        r[number],
        *biases,
        peepholes=peepholes,
        activation=activation,
    )


def as_text(attribute: str | bytes) -> str:
    """as_text(b"forward") -> "forward" """
    return attribute.decode(errors="replace") if isinstance(attribute, bytes) else attribute


def check_formula(kind: str, input_forget: int, clip: float | None) -> None:
    """Raises InputError for an operator, or an attribute, that no cell here computes."""
    if input_forget or clip is not None:
        name = "input_forget" if input_forget else "clip"
        raise InputError(f"ONNX's {name} changes the formula; no cell here has it")
    if kind not in USUAL:
        raise InputError(f"kind must be the node's operator, rnn, lstm or gru; got {kind!r}")


def check_shapes(w: Array, r: Array, direction: str | None, hidden_size: int | None) -> None:
    """Raises InputError if an attribute contradicts the arrays, or for direction "reverse"."""
    if direction == "reverse":
        raise InputError(
            "direction 'reverse' reads a sequence from its end, and a layer here begins with a "
            "forward direction: "
            "reverse the layer's inputs and outputs in time, and give direction='forward'"
        )
    if direction is not None and DIRECTIONS.get(direction) != len(w):
        raise InputError(
            f"direction must be forward, with one direction in W, or bidirectional, with two; "
            f"got {direction!r} and {len(w)}"
        )
    if hidden_size is not None and hidden_size != r.shape[-1]:
        raise InputError(f"hidden_size must be {r.shape[-1]}, as R has it; got {hidden_size}")


def split_activations(
    kind: str, activations: Sequence[str | bytes] | None, directions: int
) -> list[str]:
    """The activation of each direction; InputError for unusual ones."""
    usual = USUAL[kind]
    named = [as_text(name).lower() for name in activations or ()]
    given = named or list(usual) * directions
    known = ("tanh", "relu", "sigmoid") if kind == "rnn" else ("tanh",)
    parts = [given[first : first + len(usual)] for first in range(0, len(given), len(usual))]
    for part in parts:
        if part[-1] not in known or (kind != "rnn" and tuple(part) != usual):
            raise InputError(f"activations must be the usual ones, {list(usual)}; got {given}")
    if len(parts) != directions:
        raise InputError(
            f"activations must be {len(usual)} for each of {directions} directions; got {given}"
        )
    return [part[-1] for part in parts]


def to_onnx(layer: Layer) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """A layer -> the inputs and attributes of an ONNX node.

    Returns:
        The inputs W, R and, where there are any, B and P; the attributes hidden_size and direction,
        a GRU's linear_before_reset and an RNN's activations. Both are what `from_onnx` takes.

    Raises:
        InputError: Directions that differ in kind or size, or a layer that ONNX does not have.
    """
    check_alike(layer, "ONNX", "kind", "hidden_size", "input_size")
    parts = [write_weights("onnx", weights, peepholes=True) for weights in layer]
    found = {
        "W": torch.stack([w for w, _, _ in parts]),
        "R": torch.stack([r for _, r, _ in parts]),
    }
    if any(biases for _, _, biases in parts):
        size = found["W"].shape[1] * 2
        found["B"] = torch.stack(
            [torch.cat(biases) if biases else w.new_zeros(size) for w, _, biases in parts]
        )
    first = layer[0]
    if any(weights.peepholes for weights in layer):
        zeros = {gate: found["W"].new_zeros(first.hidden_size) for gate in PEEPHOLES}
        found["P"] = torch.stack([join(weights.peepholes or zeros, ORDER) for weights in layer])
    attributes: dict[str, object] = {
        "hidden_size": first.hidden_size,
        "direction": "forward" if len(layer) == 1 else "bidirectional",
    }
    if first.kind.startswith("gru"):
        attributes["linear_before_reset"] = int(first.kind == "gru")
    if first.kind == "rnn":
        attributes["activations"] = [weights.activation.capitalize() for weights in layer]
    return {name: to_numpy(value) for name, value in found.items()}, attributes
