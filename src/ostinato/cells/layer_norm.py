"""LSTM and GRU with layer normalisation of the sums before each gate."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato import kernels
from ostinato.cells.gru import GRU
from ostinato.cells.lstm import LSTM


class LayerNormLSTM(LSTM):
    """The LSTM with both products and the memory cell normalised over the units, per row and step.

        i, f, g, o = LN(W_x x_t) + LN(W_h h_{t-1}) + b
        c_t = sigmoid(f) * c_{t-1} + sigmoid(i) * tanh(g)      h_t = sigmoid(o) * tanh(LN(c_t))

    Source: Ba, Kiros and Hinton, Layer normalization, 2016, equations 20 to 22.

    Args:
        input_size: D.
        hidden_size: H.
        forget_bias: The initial value of the forget gate's bias.
        chrono: The longest dependency expected, in steps; see `cells.chrono`.
    """

    kernel = "lstm-layer-norm"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        chrono: int | None = None,
    ):
        super().__init__(input_size, hidden_size, forget_bias=forget_bias, chrono=chrono)
        self.norm_input, self.norm_hidden = (
            nn.LayerNorm(4 * hidden_size),
            nn.LayerNorm(4 * hidden_size),
        )
        self.norm_cell = nn.LayerNorm(hidden_size)

    def project(self, x: Tensor) -> Tensor:
        return (
            self.norm_input(kernels.linear(x, self.from_input.weight, keep_packed=True))
            + self.from_input.bias
        )

    def step(self, projected: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, c = state
        i, f, g, o = (projected + self.norm_hidden(self.from_hidden(h))).chunk(4, dim=-1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        self.record(input=i, forget=f, candidate=g, output=o)
        c = f * c + i * g
        return o * self.norm_cell(c).tanh(), c


class LayerNormGRU(GRU):
    """The GRU (reset after) with both products normalised over the units.

    The two gates are normalised together, the candidate by itself:

        r, z = sigmoid(LN(W x_t) + LN(U h_{t-1}) + b)
        n = tanh(LN(W_n x_t) + b_n + r * LN(U_n h_{t-1}))      h_t = z * h_{t-1} + (1 - z) * n

    Source: Ba, Kiros and Hinton, Layer normalization, 2016, supplement, equations 29 to 31.

    Args:
        input_size: D.
        hidden_size: H.
        chrono: The longest dependency expected, in steps; see `cells.chrono`.
    """

    hidden_bias = False  # the normalisation has one of its own
    kernel = "gru-layer-norm"

    def __init__(self, input_size: int, hidden_size: int, *, chrono: int | None = None):
        super().__init__(input_size, hidden_size, chrono=chrono)
        gates = 2 * hidden_size
        self.norm_input, self.norm_hidden = nn.LayerNorm(gates), nn.LayerNorm(gates)
        self.norm_candidate_input, self.norm_candidate = (
            nn.LayerNorm(hidden_size),
            nn.LayerNorm(hidden_size),
        )

    def project(self, x: Tensor) -> Tensor:
        products, size = (
            kernels.linear(x, self.from_input.weight, keep_packed=True),
            2 * self.hidden_size,
        )
        normed = (
            self.norm_input(products[..., :size]),
            self.norm_candidate_input(products[..., size:]),
        )
        return torch.cat(normed, dim=-1) + self.from_input.bias

    def step(self, projected: Tensor, state: tuple[Tensor]) -> tuple[Tensor]:
        (h,) = state
        from_h, size = self.from_hidden(h), 2 * self.hidden_size
        gates = projected[..., :size] + self.norm_hidden(from_h[..., :size])
        r, z = gates.sigmoid().chunk(2, dim=-1)
        n = (projected[..., size:] + r * self.norm_candidate(from_h[..., size:])).tanh()
        self.record(reset=r, update=z, candidate=n)
        return (z * h + (1 - z) * n,)
