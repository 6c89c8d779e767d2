"""The gated recurrent unit, in its two published forms."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ostinato.cells.cell import Cell


class GRU(Cell):
    """Two gates and no memory cell; the reset gate acts after the product: PyTorch's, cuDNN's and Keras's default.

        r, z = sigmoid(W [x_t, h_{t-1}] + b)
        n = tanh(W_n x_t + b_n + r * (U_n h_{t-1} + b_u))
        h_t = z * h_{t-1} + (1 - z) * n

    z is how much of the old state is kept; texts that write u = 1 - z mean how much of the new one is let in.
    Gate order r, z, n (torch.nn's); biases in `from_input` and in `from_hidden` (b_u stands inside the brackets).

    Source: Cho et al., 2014, v1 of arXiv:1406.1078 as implemented by cuDNN."""

    gates = 3
    hidden_bias = True
    kernel = "gru"

    def step(self, projected: Tensor, state: tuple[Tensor]) -> tuple[Tensor]:
        (h,) = state
        from_x, from_h = projected, self.from_hidden(h)
        size = 2 * self.hidden_size
        r, z = (from_x[..., :size] + from_h[..., :size]).sigmoid().chunk(2, dim=-1)
        n = (from_x[..., size:] + r * from_h[..., size:]).tanh()
        self.note(reset=r, update=z, candidate=n)
        return (z * h + (1 - z) * n,)


class GRUResetBefore(Cell):
    """The GRU as Cho et al. printed it: the reset gate acts on the state before the product.

        r, z = sigmoid(W [x_t, h_{t-1}] + b)
        n = tanh(W_n x_t + U_n (r * h_{t-1}) + b_n)
        h_t = z * h_{t-1} + (1 - z) * n

    Gate order r, z, n; one bias, in `from_input`. No weights make it equal to `GRU`: the forms are different functions.

    Source: Cho et al., 2014, arXiv:1406.1078v3, equations 5 to 8."""

    gates = 3
    kernel = "gru-reset-before"

    def step(self, projected: Tensor, state: tuple[Tensor]) -> tuple[Tensor]:
        (h,) = state
        size = 2 * self.hidden_size
        weight = self.from_hidden.weight
        r, z = (projected[..., :size] + functional.linear(h, weight[:size])).sigmoid().chunk(2, dim=-1)
        n = (projected[..., size:] + functional.linear(r * h, weight[size:])).tanh()
        self.note(reset=r, update=z, candidate=n)
        return (z * h + (1 - z) * n,)
