"""Weights of Keras's SimpleRNN, LSTM, GRU and Bidirectional, to and from layers of Weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ostinato.errors import InputError
from ostinato.layers.conversion.layouts import Array, read_weights, to_numpy, write_weights
from ostinato.layers.conversion.weights import Layer, Weights, check_alike

KINDS = {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru"}
MERGES = {
    "concat": "concat",
    "sum": "sum",
    "ave": "mean",
    "mul": "product",
}  # Keras's -> Recurrent's


def from_keras(
    arrays: Sequence[Array], *, kind: str, reset_after: bool | None = None, activation: str = "tanh"
) -> Layer:
    """`get_weights()` of a Keras SimpleRNN, LSTM, GRU, or of a Bidirectional of one -> a layer.

    Args:
        arrays: Kernel [D, gates * H], recurrent kernel [H, gates * H] and perhaps bias, once or
            twice.
        kind: "rnn", "lstm" or "gru".
        reset_after: The GRU's; needed only if there is no bias, whose shape says it otherwise.
        activation: The SimpleRNN's.

    Raises:
        InputError: Another number of arrays, or a GRU whose `reset_after` is unknown or contradicts
            its bias.
    """
    if len(arrays) not in (2, 3, 4, 6):
        raise InputError(
            "arrays must be kernel, recurrent kernel and perhaps bias, once or twice; got "
            f"{len(arrays)}"
        )
    if len(arrays) > 3:
        half = len(arrays) // 2
        return tuple(
            from_keras(part, kind=kind, reset_after=reset_after, activation=activation)[0]
            for part in (arrays[:half], arrays[half:])
        )
    biases = [] if len(arrays) == 2 else list(np.atleast_2d(arrays[2]))
    if kind == "gru":
        known = None if not biases else len(biases) == 2
        if reset_after is None and known is None:
            raise InputError(
                "reset_after must be said for a Keras GRU without bias: layer.reset_after"
            )
        if None not in (reset_after, known) and reset_after != known:
            raise InputError(
                f"reset_after={reset_after} does not go with a bias of shape "
                f"{list(np.shape(arrays[2]))}"
            )
        kind = "gru" if (known if reset_after is None else reset_after) else "gru-reset-before"
    return (read_weights("keras", kind, *arrays[:2], *biases, activation=activation),)


def from_keras_layer(layer: Any, *, merge: str = "concat") -> Layer:
    """A built Keras SimpleRNN, LSTM, GRU, or a Bidirectional of one -> a layer.

    Args:
        layer: The Keras layer.
        merge: How a Bidirectional merges its directions, in the words of Recurrent: concat, sum,
            mean or product. Weights do not say it, so a layer that merges otherwise than this is
            refused; give the same to `to_recurrent`.

    Raises:
        InputError: Another layer, unusual activations, `go_backwards`, or another `merge_mode`.
    """
    if type(layer).__name__ != "Bidirectional":
        return (read_direction(layer, backwards=False),)
    mode = layer.get_config().get("merge_mode", "concat")
    if mode not in MERGES:
        raise InputError(
            f"the Bidirectional's merge_mode is {mode!r}; only {', '.join(MERGES)} give one output "
            "a step"
        )
    if MERGES[mode] != merge:
        raise InputError(
            f"the Bidirectional's merge_mode is {mode!r}, which weights do not say: read it by "
            f"from_keras_layer(layer, merge={MERGES[mode]!r}) and merge so, as "
            f"to_recurrent([...], merge={MERGES[mode]!r}) does"
        )
    return (
        read_direction(layer.forward_layer, backwards=False),
        read_direction(layer.backward_layer, backwards=True),
    )


def read_direction(layer: Any, *, backwards: bool) -> Weights:
    """A Keras layer of one direction -> Weights; `backwards`: the second of a Bidirectional."""
    name, config = type(layer).__name__, layer.get_config()
    if name not in KINDS:
        raise InputError(
            f"layer must be a Keras SimpleRNN, LSTM, GRU or a Bidirectional of one; got {name}"
        )
    activation = config["activation"]
    usual = ("tanh", "relu", "sigmoid") if name == "SimpleRNN" else ("tanh",)
    if activation not in usual or config.get("recurrent_activation", "sigmoid") != "sigmoid":
        got = f"{activation} and {config.get('recurrent_activation')}"
        raise InputError(
            f"the {name}'s activations must be {' or '.join(usual)}, and sigmoid for gates; got "
            f"{got}"
        )
    if bool(config.get("go_backwards")) != backwards:
        wrong = "goes forwards as the second direction" if backwards else "goes backwards"
        raise InputError(f"the {name} {wrong}; turn its input round and change go_backwards")
    (weights,) = from_keras(
        layer.get_weights(),
        kind=KINDS[name],
        reset_after=config.get("reset_after"),
        activation=activation,
    )
    return weights


def to_keras(layer: Layer) -> list[np.ndarray]:
    """A layer -> what `set_weights` of Keras's SimpleRNN, LSTM, GRU or Bidirectional takes.

    The kind, the activation and `reset_after` are not among the arrays: the Keras layer has them.
    Where only one of two
    directions has a bias, the other one gets zeros: Keras has both or none.

    Raises:
        InputError: Directions that differ in kind, activation or size, or a layer that Keras does
            not have.
    """
    check_alike(layer, "Keras", "kind", "activation", "hidden_size")
    parts = [write_weights("keras", weights) for weights in layer]
    count = max(len(biases) for _, _, biases in parts)
    found = []
    for w, u, biases in parts:
        found += [to_numpy(w), to_numpy(u)]
        if count:
            rows = biases or [w.new_zeros(w.shape[1])] * count
            found.append(to_numpy(torch.stack(rows) if count == 2 else rows[0]))
    return found
