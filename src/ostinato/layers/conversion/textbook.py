"""Weights as textbooks print them: one matrix a gate, applied to [h, x]."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ostinato.errors import InputError
from ostinato.layers.conversion.layouts import Array, to_tensor
from ostinato.layers.conversion.weights import Weights, add_biases, flip_update


def from_textbook(
    kind: str,
    matrices: Mapping[str, Array],
    biases: Mapping[str, Array] | None = None,
    *,
    order: str = "hx",
    update: str = "old",
    transposed: bool = False,
    activation: str = "tanh",
) -> Weights:
    """One matrix and one bias a gate -> Weights.

        from_textbook("lstm", {"forget": W_f, "input": W_i, "candidate": W_c, "output": W_o},
        biases)

    Args:
        kind: A key of `GATES`.
        matrices: Gate -> [H, H + D].
        biases: Gate -> [H], or None.
        order: What a matrix is applied to: [h, x] ("hx") or [x, h] ("xh").
        update: "old": z keeps the old state, h = z * h + (1 - z) * n; "new": z lets the new one in.
        transposed: Whether matrices are [H + D, H], for row vectors.
        activation: The RNN's.

    Raises:
        InputError: Shapes that do not fit, or an unknown `order` or `update`.
    """
    check_textbook(order, update)
    inputs, hidden = {}, {}
    for gate, matrix in matrices.items():
        matrix = to_tensor(matrix).t() if transposed else to_tensor(matrix)
        size = matrix.shape[0]
        if matrix.shape[1] <= size:
            raise InputError(
                f"matrices[{gate!r}] must be [H, H + D]; got {list(matrix.shape)}; is it "
                "transposed?"
            )
        h, x = (
            matrix.split([size, matrix.shape[1] - size], dim=1)
            if order == "hx"
            else (matrix[:, -size:], matrix[:, :-size])
        )
        inputs[gate], hidden[gate] = x, h
    bias = None if biases is None else {gate: to_tensor(each) for gate, each in biases.items()}
    weights = Weights(kind, inputs, hidden, bias, activation=activation)
    return flip_update(weights) if update == "new" and "update" in weights.input else weights


def to_textbook(
    weights: Weights, *, order: str = "hx", update: str = "old", transposed: bool = False
) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
    """Weights -> (a matrix for each gate, a bias for each gate or None), as `from_textbook` reads.

    The activation of an RNN is not among them: give it to `from_textbook` to read them again.

    Raises:
        InputError: Peepholes, a projection, or a GRU with a second bias inside the brackets of its
            reset gate.
    """
    check_textbook(order, update)
    if weights.peepholes is not None or weights.projection is not None:
        raise InputError("the textbook form here has neither peepholes nor a projection")
    if update == "new" and "update" in weights.input:
        weights = flip_update(weights)
    matrices = {}
    for gate in weights.input:
        h, x = weights.hidden[gate], weights.input[gate]
        matrix = torch.cat([h, x] if order == "hx" else [x, h], dim=1)
        matrices[gate] = matrix.t() if transposed else matrix
    return matrices, add_biases(weights, "the textbook form")


def check_textbook(order: str, update: str) -> None:
    """Raises InputError for an unknown `order` or `update`."""
    if order not in ("hx", "xh"):
        raise InputError(f"order must be 'hx' or 'xh'; got {order!r}")
    if update not in ("old", "new"):
        raise InputError(f"update must be 'old' or 'new'; got {update!r}")
