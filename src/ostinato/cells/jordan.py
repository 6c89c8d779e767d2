"""The Jordan network, which feeds its output back."""

from __future__ import annotations

from torch import Tensor, nn

from ostinato.cells.cell import Cell
from ostinato.cells.rnn import Activation, find_activation


class Jordan(Cell):
    """The previous output is fed back: the output layer is part of the recurrence.

        h_t = g(W_x x_t + W_y y_{t-1} + b)
        y_t = g_y(W_o h_t + b_o)

    The state is (y,): y [B, O].

    Source: Jordan, Serial order: a parallel distributed processing approach, 1986.

    Args:
        input_size: D.
        hidden_size: H.
        output_size: O; H unless given.
        activation: g: "tanh", "relu", "sigmoid" or a function.
        output_activation: g_y, likewise.
        bias: Whether there are b and b_o.
    """

    gates = 1
    part_names = ("output",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        output_size: int | None = None,
        activation: Activation = "tanh",
        output_activation: Activation = "tanh",
        bias: bool = True,
    ):
        super().__init__(input_size, hidden_size, output_size=output_size, bias=bias)
        self.g, self.g_y = find_activation(activation), find_activation(output_activation)
        self.to_output = nn.Linear(hidden_size, self.output_size, bias=bias)
        self.reset_parameters()

    def step(self, projected: Tensor, state: tuple[Tensor]) -> tuple[Tensor]:
        (y,) = state
        h = self.g(projected + self.from_hidden(y))
        self.record(hidden=h)
        return (self.g_y(self.to_output(h)),)
