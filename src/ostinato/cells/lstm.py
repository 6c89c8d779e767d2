"""Long short-term memory."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.cells.cell import Cell


class LSTM(Cell):
    """Three gates around a memory cell that is added to, so that gradients pass through it undiminished.

        i, f, o = sigmoid(W [x_t, h_{t-1}] + b)      g = tanh(W_g [x_t, h_{t-1}] + b_g)
        c_t = f * c_{t-1} + i * g                    h_t = o * tanh(c_t)

    Gate order i, f, g, o (torch.nn's); one bias, in `from_input`; the state is (h, c), each [B, H].
    `forget_bias` is what b_f starts at (1: Jozefowicz et al., 2015).

    Source: Hochreiter and Schmidhuber, 1997; forget gate: Gers, Schmidhuber and Cummins, 2000."""

    gates = 4
    parts = 2
    kernel = "lstm"

    def __init__(self, input_size: int, hidden_size: int, *, forget_bias: float = 1.0, bias: bool = True):
        self.forget_bias = forget_bias
        super().__init__(input_size, hidden_size, bias=bias)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.from_input.bias is not None:
            with torch.no_grad():
                self.from_input.bias.chunk(4)[1].fill_(self.forget_bias)

    def step(self, projected: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, c = state
        i, f, g, o = (projected + self.from_hidden(h)).chunk(4, dim=-1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        self.note(input=i, forget=f, candidate=g, output=o)
        c = f * c + i * g
        return o * c.tanh(), c
