"""Long short-term memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.cells.cell import Cell
from ostinato.cells.chrono import draw_chrono_biases, split_gate_biases


class LSTM(Cell):
    """Three gates around a memory cell whose additive update lets gradients pass.

        i, f, o = sigmoid(W [x_t, h_{t-1}] + b)      g = tanh(W_g [x_t, h_{t-1}] + b_g)
        c_t = f * c_{t-1} + i * g                    h_t = o * tanh(c_t)

    Gate order i, f, g, o (torch.nn's); one bias, in `from_input`; the state is (h [B, O], c [B,
    H]).

    Source: Hochreiter and Schmidhuber, 1997; forget gate: Gers, Schmidhuber and Cummins, 2000.

    Args:
        input_size: D.
        hidden_size: H.
        output_size: O, of a projection h_t = W_p (o * tanh(c_t)): torch.nn's proj_size (Sak et al.,
            2014); None: no projection.
        forget_bias: The initial value of b_f (1: Jozefowicz et al., 2015).
        chrono: The longest dependency expected, in steps: b_f = log(U(1, chrono - 1)), b_i = -b_f
            (Tallec and Ollivier, 2018).
        bias: Whether there are biases.
    """

    gates = 4
    parts = 2
    part_names = ("hidden", "cell")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        output_size: int | None = None,
        forget_bias: float = 1.0,
        chrono: int | None = None,
        bias: bool = True,
    ):
        self.forget_bias, self.chrono = forget_bias, chrono
        super().__init__(input_size, hidden_size, output_size=output_size, bias=bias)
        self.to_output: nn.Module = nn.Identity()
        if output_size is not None:
            self.to_output = nn.Linear(hidden_size, output_size, bias=False)
            self.reset_parameters()
        if type(self) is LSTM:
            self.kernel = "lstm" if output_size is None else "lstm-projected"

    def reset_parameters(self) -> None:
        """As torch.nn's, but for the forget gate's bias, and the input gate's with `chrono`."""
        super().reset_parameters()
        with torch.no_grad():
            if self.chrono is not None:
                i, f, _, _ = split_gate_biases(self)
                f.copy_(draw_chrono_biases(self.hidden_size, self.chrono))
                i.copy_(-f)
            elif self.from_input.bias is not None:
                split_gate_biases(self)[1].fill_(self.forget_bias)

    def step(self, projected: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, c = state
        i, f, g, o = (projected + self.from_hidden(h)).chunk(4, dim=-1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        self.record(input=i, forget=f, candidate=g, output=o)
        c = f * c + i * g
        return self.to_output(o * c.tanh()), c


class PeepholeLSTM(LSTM):
    """The LSTM whose gates see the memory cell, the output gate its new value.

        i = sigmoid(W_i [x_t, h_{t-1}] + p_i * c_{t-1} + b_i)      f likewise with p_f
        c_t = f * c_{t-1} + i * g
        o = sigmoid(W_o [x_t, h_{t-1}] + p_o * c_t + b_o)          h_t = o * tanh(c_t)

    `peepholes` [3, H] holds p_i, p_f, p_o. The arguments are the LSTM's.

    Source: Gers and Schmidhuber, Recurrent nets that time and count, 2000.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        output_size: int | None = None,
        forget_bias: float = 1.0,
        chrono: int | None = None,
        bias: bool = True,
    ):
        super().__init__(
            input_size,
            hidden_size,
            output_size=output_size,
            forget_bias=forget_bias,
            chrono=chrono,
            bias=bias,
        )
        self.peepholes = nn.Parameter(torch.empty(3, hidden_size))
        self.reset_parameters()
        if type(self) is PeepholeLSTM:
            self.kernel = "lstm-peephole" if output_size is None else "lstm-peephole-projected"

    def step(self, projected: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, c = state
        p_i, p_f, p_o = self.peepholes
        i, f, g, o = (projected + self.from_hidden(h)).chunk(4, dim=-1)
        i, f, g = (i + p_i * c).sigmoid(), (f + p_f * c).sigmoid(), g.tanh()
        c = f * c + i * g
        o = (o + p_o * c).sigmoid()
        self.record(input=i, forget=f, candidate=g, output=o)
        return self.to_output(o * c.tanh()), c
