"""Cells that are linear in the state, so that all steps can be computed in parallel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ostinato.cells.cell import Cell
from ostinato.cells.chrono import draw_chrono_biases, split_gate_biases
from ostinato.cells.rnn import Activation, find_activation


def positive(x: Tensor) -> Tensor:
    """x + 1/2 above zero, sigmoid(x) below: positive and continuous (equation 23)."""
    return torch.where(x >= 0, x + 0.5, x.sigmoid())


class LinearCell(Cell):
    """h_t = a_t * h_{t-1} + b_t, where `coefficients` computes a and b from the input alone.

    There is no product with h, so the steps form a prefix sum: `kernels.sequence.linear_scan`
    computes them in parallel.

    Args:
        input_size: D.
        hidden_size: H.
        activation: g of the candidate: a function, or "tanh", "relu", "sigmoid".
        chrono: The longest dependency expected, in steps; see `cells.chrono`.
        bias: Whether there are biases.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: Activation = positive,
        chrono: int | None = None,
        bias: bool = True,
    ):
        self.chrono = chrono
        super().__init__(input_size, hidden_size, bias=bias)
        self.g = find_activation(activation)
        self.from_hidden = None

    @property
    def kernel_name(self) -> str | None:
        """As Cell's; a subclass that only redefines `coefficients` still has the linear kernel."""
        return (
            None
            if self.gate_log is not None or self.zoneout or type(self).step is not LinearCell.step
            else "linear"
        )

    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        """(projected [..., gates * H]) -> (a, b), each [..., H]"""
        raise TypeError(f"{type(self).__name__} has no coefficients(projected)")

    def step(self, projected: Tensor, state: tuple[Tensor]) -> tuple[Tensor]:
        (h,) = state
        a, b = self.coefficients(projected)
        return (a * h + b,)


class MinGRU(LinearCell):
    """The GRU without reset gate and without h in its gates.

        z = sigmoid(W_z x_t + b_z)      n = g(W_n x_t + b_n)
        h_t = (1 - z) * h_{t-1} + z * n

    z is how much of the new state is let in (the paper's; one minus the GRU's). Gate order z, n.
    The arguments are LinearCell's.

    Source: Feng et al., Were RNNs all we needed?, 2024, section 3.1 and appendix B.
    """

    gates = 2

    def reset_parameters(self) -> None:
        """As torch.nn's, but for the update gate's bias with `chrono`."""
        super().reset_parameters()
        if self.chrono is not None:
            with torch.no_grad():
                split_gate_biases(self)[0].copy_(-draw_chrono_biases(self.hidden_size, self.chrono))

    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        z, n = projected.chunk(2, dim=-1)
        z, n = z.sigmoid(), self.g(n)
        self.record(update=z, candidate=n)
        return 1 - z, z * n


class MinLSTM(LinearCell):
    """The LSTM without h in its gates, whose forget and input gates add up to one.

        f = sigmoid(W_f x_t + b_f)      i = sigmoid(W_i x_t + b_i)      n = g(W_n x_t + b_n)
        h_t = f / (f + i) * h_{t-1} + i / (f + i) * n

    Gate order f, i, n. f / (f + i) is computed as sigmoid(softplus(-i) - softplus(-f)), as both f
    and i may underflow. The arguments are LinearCell's.

    Source: Feng et al., Were RNNs all we needed?, 2024, section 3.2 and appendix B.
    """

    gates = 3

    def reset_parameters(self) -> None:
        """As torch.nn's, but for the biases of both gates with `chrono`."""
        super().reset_parameters()
        if self.chrono is not None:
            with torch.no_grad():
                f, i, _ = split_gate_biases(self)
                f.copy_(draw_chrono_biases(self.hidden_size, self.chrono))
                i.copy_(-f)

    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        f, i, n = projected.chunk(3, dim=-1)
        f = (functional.softplus(-i) - functional.softplus(-f)).sigmoid()
        i, n = 1 - f, self.g(n)
        self.record(forget=f, input=i, candidate=n)
        return f, i * n
