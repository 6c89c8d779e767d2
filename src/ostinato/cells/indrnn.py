"""The independently recurrent network, whose units do not see one another."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.cells.cell import Cell
from ostinato.cells.rnn import Activation, find_activation


class Diagonal(nn.Module):
    """The product with a diagonal matrix, stored as its diagonal: weight [H]."""

    mask: Tensor | None = None

    def __init__(self, size: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))
        self.register_parameter("bias", None)

    def forward(self, h: Tensor) -> Tensor:
        """h [..., H] -> [..., H]"""
        return (h if self.mask is None else h * self.mask) * self.weight


class IndRNN(Cell):
    """h_t = g(W_x x_t + u * h_{t-1} + b): each unit sees only its own past.

    Its gradient over n steps is u^n, up to g'. u is initialised uniformly in [0, 1]; `constrain(T)`
    after each update keeps |u| <= 2^(1/T), so that over T steps no gradient grows beyond a factor
    of two. Units are mixed by the next layer.

    Source: Li et al., Independently recurrent neural network, 2018, equations 1 and 5.

    Args:
        input_size: D.
        hidden_size: H.
        activation: g: "tanh", "relu", "sigmoid" or a function.
        bias: Whether there is b.
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: Activation = "relu",
        bias: bool = True,
    ):
        super().__init__(input_size, hidden_size, bias=bias)
        self.g = find_activation(activation)
        self.from_hidden = Diagonal(hidden_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As torch.nn's, but u uniform in [0, 1]."""
        super().reset_parameters()
        nn.init.uniform_(self.from_hidden.weight, 0, 1)

    @torch.no_grad()
    def constrain(self, longest: int, growth: float = 2.0) -> None:
        """Clamps u so that |u|^longest <= `growth`; call it after each update."""
        bound = growth ** (1 / longest)
        self.from_hidden.weight.clamp_(-bound, bound)

    def step(self, projected: Tensor, state: tuple[Tensor]) -> tuple[Tensor]:
        (h,) = state
        return (self.g(projected + self.from_hidden(h)),)
