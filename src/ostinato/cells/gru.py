"""The gated recurrent unit, in its two published forms."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.cells.cell import Cell
from ostinato.cells.chrono import draw_chrono_biases, split_gate_biases
from ostinato.cells.regularisation import FromHidden


class ChronoGRU(Cell):
    """What both forms share: three gates, and chrono initialisation of the update gate.

    Args:
        input_size: D.
        hidden_size: H.
        chrono: The longest dependency expected, in steps; see `cells.chrono`.
        bias: Whether there are biases.
    """

    gates = 3

    def __init__(
        self, input_size: int, hidden_size: int, *, chrono: int | None = None, bias: bool = True
    ):
        self.chrono = chrono
        super().__init__(input_size, hidden_size, bias=bias)

    def reset_parameters(self) -> None:
        """As torch.nn's, but for the update gate's bias with `chrono`."""
        super().reset_parameters()
        if self.chrono is not None:
            with torch.no_grad():
                split_gate_biases(self)[1].copy_(draw_chrono_biases(self.hidden_size, self.chrono))


class GRU(ChronoGRU):
    """The GRU whose reset gate acts after the product: the default of PyTorch, cuDNN and Keras.

        r, z = sigmoid(W [x_t, h_{t-1}] + b)
        n = tanh(W_n x_t + b_n + r * (U_n h_{t-1} + b_u))
        h_t = z * h_{t-1} + (1 - z) * n

    z is how much of the old state is kept; texts that write u = 1 - z mean how much of the new one
    is let in. Gate order r, z, n (torch.nn's); biases in `from_input` and in `from_hidden`, as b_u
    is multiplied by r.

    Source: Cho et al., 2014, v1 of arXiv:1406.1078 as implemented by cuDNN.
    """

    hidden_bias = True
    kernel = "gru"

    def step(self, projected: Tensor, state: tuple[Tensor]) -> tuple[Tensor]:
        (h,) = state
        from_x, from_h = projected, self.from_hidden(h)
        size = 2 * self.hidden_size
        r, z = (from_x[..., :size] + from_h[..., :size]).sigmoid().chunk(2, dim=-1)
        n = (from_x[..., size:] + r * from_h[..., size:]).tanh()
        self.record(reset=r, update=z, candidate=n)
        return (z * h + (1 - z) * n,)


class GRUResetBefore(ChronoGRU):
    """The GRU as Cho et al. printed it: the reset gate acts on the state before the product.

        r, z = sigmoid(W [x_t, h_{t-1}] + b)
        n = tanh(W_n x_t + U_n (r * h_{t-1}) + b_n)
        h_t = z * h_{t-1} + (1 - z) * n

    Gate order r, z, n; one bias, in `from_input`. No weights make it equal to `GRU`: the forms are
    different functions.

    Source: Cho et al., 2014, arXiv:1406.1078v3, equations 5 to 8.
    """

    kernel = "gru-reset-before"

    def __init__(
        self, input_size: int, hidden_size: int, *, chrono: int | None = None, bias: bool = True
    ):
        super().__init__(input_size, hidden_size, chrono=chrono, bias=bias)
        self.from_hidden = FromHidden(hidden_size, 3 * hidden_size, bias=False)
        self.reset_parameters()

    def step(self, projected: Tensor, state: tuple[Tensor]) -> tuple[Tensor]:
        (h,) = state
        size = 2 * self.hidden_size
        r, z = (projected[..., :size] + self.from_hidden(h, slice(size))).sigmoid().chunk(2, dim=-1)
        n = (projected[..., size:] + self.from_hidden(r * h, slice(size, None))).tanh()
        self.record(reset=r, update=z, candidate=n)
        return (z * h + (1 - z) * n,)
