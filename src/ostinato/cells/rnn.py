"""The vanilla recurrent network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ostinato.cells.cell import Cell

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
}
KERNELS: dict[Callable[[Tensor], Tensor], str] = {torch.tanh: "rnn-tanh", torch.relu: "rnn-relu"}
Activation = str | Callable[[Tensor], Tensor]


def find_activation(activation: Activation) -> Callable[[Tensor], Tensor]:
    """find_activation("relu") -> torch.relu; a function is returned unchanged."""
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be callable or one of {', '.join(ACTIVATIONS)}; got {activation!r}"
        )
    return ACTIVATIONS[activation]


class RNN(Cell):
    """h_t = g(W_x x_t + W_h h_{t-1} + b): Elman's recurrent network.

        RNN(8, 16, activation="relu")

    Kernels know tanh and relu; with other activations the reference loop runs.

    Source: Elman, Finding structure in time, 1990.

    Args:
        input_size: D.
        hidden_size: H.
        activation: g: "tanh", "relu", "sigmoid", or any function of a tensor.
        bias: Whether there is b.
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: Activation = "tanh",
        bias: bool = True,
    ):
        super().__init__(input_size, hidden_size, bias=bias)
        self.g = find_activation(activation)
        self.kernel = KERNELS.get(self.g) if type(self) is RNN else None

    def step(self, projected: Tensor, state: tuple[Tensor]) -> tuple[Tensor]:
        (h,) = state
        return (self.g(projected + self.from_hidden(h)),)
