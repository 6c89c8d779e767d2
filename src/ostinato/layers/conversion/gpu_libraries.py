"""Weights of libraries of GPU kernels (cuDNN, haste, FlashRNN), to and from Weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ostinato.errors import InputError
from ostinato.layers.conversion.layouts import (
    CONVENTIONS,
    Array,
    read_weights,
    to_tensor,
    write_weights,
)
from ostinato.layers.conversion.weights import GATES, Weights, join, split


def from_cudnn(
    kind: str,
    matrices: Sequence[Array],
    biases: Sequence[Array] = (),
    *,
    activation: str = "tanh",
) -> Weights:
    """The matrices and biases of one cuDNN pseudo-layer -> Weights.

    Args:
        kind: "rnn", "lstm" or "gru".
        matrices: In the order of linLayerID: 2 of an RNN, 6 of a GRU, 8 of an LSTM, or 9 with the
            projection.
        biases: In the same order, none or as many as matrices (without the projection).
        activation: The RNN's: "tanh" (CUDNN_RNN_TANH) or "relu" (CUDNN_RNN_RELU).

    Raises:
        InputError: Another number of matrices or biases.
    """
    gates = len(GATES.get(kind, ()))
    if len(matrices) - (kind == "lstm" and len(matrices) == 9) != 2 * gates or len(biases) not in (
        0,
        2 * gates,
    ):
        got = f"{len(matrices)} and {len(biases)}"
        raise InputError(
            f"a {kind} of cuDNN has {2 * gates} matrices and as many biases or none; got {got}"
        )
    parts = [
        torch.cat([to_tensor(m) for m in matrices[first : first + gates]]) for first in (0, gates)
    ]
    parts += [
        torch.cat([to_tensor(b) for b in biases[first : first + gates]])
        for first in (0, gates)
        if len(biases)
    ]
    projection = to_tensor(matrices[8]) if len(matrices) == 9 else None
    return read_weights("cudnn", kind, *parts, activation=activation, projection=projection)


def to_cudnn(weights: Weights) -> tuple[list[Tensor], list[Tensor]]:
    """Weights -> (matrices, biases) of one cuDNN pseudo-layer, each in the order of linLayerID.

    The activation of an RNN is not among them: give it to `from_cudnn` to read them again.
    """
    w, u, biases = write_weights("cudnn", weights, projection=True)
    gates = len(GATES[weights.kind])
    matrices = [*w.chunk(gates), *u.chunk(gates)]
    if weights.projection is not None:
        matrices.append(weights.projection.clone())
    return matrices, [block for bias in biases for block in bias.chunk(gates)]


def from_haste(
    kind: str,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None = None,
) -> Weights:
    """The parameters of haste's LSTM, or GRU (which has a recurrent bias) -> Weights."""
    return read_weights("haste", kind, kernel, recurrent_kernel, bias, recurrent_bias)


def to_haste(weights: Weights) -> dict[str, Tensor]:
    """Weights -> kernel, recurrent_kernel, bias and, for a GRU, recurrent_bias."""
    w, u, biases = write_weights("haste", weights)
    count = CONVENTIONS["haste"].biases[weights.kind]
    biases = biases or [w.new_zeros(w.shape[1])] * count
    return dict(
        zip(("kernel", "recurrent_kernel", "bias", "recurrent_bias"), (w, u, *biases), strict=False)
    )


# the order of FlashRNN's R; in b the candidate's input bias follows
FLASH_GRU = ("candidate", "reset", "update")


def from_flashrnn(kind: str, w: Array, r: Array, b: Array) -> Weights:
    """The linear layer's W [gates * H, D], R [gates, heads, H', H'] and b -> Weights.

    Several heads become a block-diagonal recurrent matrix. Source: Pöppel, Beck and Hochreiter,
    FlashRNN, 2024.
    """
    r, b = to_tensor(r), to_tensor(b).flatten(1)
    u = torch.cat([torch.block_diag(*gate) for gate in r])
    if kind != "gru":
        return read_weights("flashrnn", kind, w, u, b.flatten())
    hidden = split("R", u, FLASH_GRU)
    inside, reset, update, candidate = b
    order = CONVENTIONS["flashrnn"].gates["gru"]
    first = {"reset": reset, "update": update, "candidate": candidate}
    second = {
        "reset": torch.zeros_like(reset),
        "update": torch.zeros_like(update),
        "candidate": inside,
    }
    return Weights("gru", split("W", to_tensor(w), order), hidden, first, second)


def to_flashrnn(weights: Weights) -> tuple[Tensor, Tensor, Tensor]:
    """Weights -> W [gates * H, D], R [gates, 1, H, H], b [gates, 1, H] (of a GRU, 4 gates)."""
    w, u, biases = write_weights("flashrnn", weights)
    size = weights.hidden_size
    if weights.kind != "gru":
        b = biases[0] if biases else w.new_zeros(w.shape[0])
        return w, u.view(-1, 1, size, size), b.view(-1, 1, size)
    zeros = w.new_zeros(3 * size)
    first, second = (split("bias", bias, GATES["gru"]) for bias in (biases or (zeros, zeros)))
    stacked = [
        second["candidate"],
        first["reset"] + second["reset"],
        first["update"] + second["update"],
        first["candidate"],
    ]
    return w, join(weights.hidden, FLASH_GRU).view(3, 1, size, size), torch.stack(stacked)[:, None]
