"""Recurrent weights as textbooks print them: one matrix a gate, applied to [h, x], the update gate either way round."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ostinato.layers.conversion.layouts import Array, tensor
from ostinato.layers.conversion.weights import Weights, flip_update, one_bias


def from_textbook(
    kind: str,
    matrices: Mapping[str, Array],
    biases: Mapping[str, Array] | None = None,
    *,
    order: str = "hx",
    update: str = "old",
    transposed: bool = False,
) -> Weights:
    """One matrix a gate, applied to [h, x] (order "hx") or [x, h] ("xh"), and one bias a gate -> Weights.

        from_textbook("lstm", {"forget": W_f, "input": W_i, "candidate": W_c, "output": W_o}, biases)

    update      "old": z keeps the old state, h = z * h + (1 - z) * n; "new": z lets the new one in
    transposed  matrices are [H + D, H], for row vectors, rather than [H, H + D]"""
    check_textbook(order, update)
    inputs, hidden = {}, {}
    for gate, matrix in matrices.items():
        matrix = tensor(matrix).t() if transposed else tensor(matrix)
        size = matrix.shape[0]
        if matrix.shape[1] <= size:
            raise ValueError(
                f"matrices[{gate!r}] must be [H, H + D]; got {list(matrix.shape)}; is it transposed?"
            )
        h, x = (
            matrix.split([size, matrix.shape[1] - size], dim=1)
            if order == "hx"
            else (matrix[:, -size:], matrix[:, :-size])
        )
        inputs[gate], hidden[gate] = x, h
    biases = None if biases is None else {gate: tensor(bias) for gate, bias in biases.items()}
    weights = Weights(kind, inputs, hidden, biases)
    return flip_update(weights) if update == "new" and "update" in weights.input else weights


def to_textbook(
    weights: Weights, *, order: str = "hx", update: str = "old", transposed: bool = False
) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
    """Weights -> (a matrix for each gate, a bias for each gate or None), as `from_textbook` takes them."""
    check_textbook(order, update)
    if weights.peepholes is not None or weights.projection is not None:
        raise ValueError("the textbook form here has neither peepholes nor a projection")
    if update == "new" and "update" in weights.input:
        weights = flip_update(weights)
    matrices = {}
    for gate in weights.input:
        h, x = weights.hidden[gate], weights.input[gate]
        matrix = torch.cat([h, x] if order == "hx" else [x, h], dim=1)
        matrices[gate] = matrix.t() if transposed else matrix
    return matrices, one_bias(weights, "the textbook form")


def check_textbook(order: str, update: str) -> None:
    if order not in ("hx", "xh"):
        raise ValueError(f"order must be 'hx' or 'xh'; got {order!r}")
    if update not in ("old", "new"):
        raise ValueError(f"update must be 'old' or 'new'; got {update!r}")
