"""torch.nn's RNNCell, GRUCell and LSTMCell with the same arguments, parameters and results."""

from __future__ import annotations

from torch import Tensor, nn

from ostinato.layers.drop_in.cell_views import cell_around, reference_wanted, torch_must_run
from ostinato.layers.drop_in.symbolic_trace import is_traced, record_call


class OneStep(nn.RNNCellBase):
    """What RNNCell, GRUCell and LSTMCell share: torch's own step, which torch.func sees through."""

    def forward(self, input: Tensor, hx=None):
        """As torch.nn's: input [B, D] or [D], hx [B, H] or [H] or (h, c); zeros if None."""
        if is_traced(input, hx):
            return record_call(self, input, *(() if hx is None else (hx,)))
        if torch_must_run() or not reference_wanted() or not self.well_formed(input, hx):
            return super().forward(input, hx)
        batched = input.dim() == 2
        x = input if batched else input[None]
        weights = [self.weight_ih, self.weight_hh] + (
            [self.bias_ih, self.bias_hh] if self.bias else []
        )
        cell = cell_around(self.mode(), weights, bias=self.bias, training=self.training)
        state = cell.initial_state(x.shape[0], x)
        if hx is not None:
            state = tuple(hx) if cell.parts > 1 else (hx,)
            state = state if batched else tuple(part[None] for part in state)
        last = cell.step(cell.project(x), state)
        last = last if batched else tuple(part[0] for part in last)
        return last if cell.parts > 1 else last[0]

    def mode(self) -> str:
        """torch's name for the formula."""
        if isinstance(self, nn.RNNCell):
            return f"RNN_{self.nonlinearity.upper()}"
        return "LSTM" if isinstance(self, nn.LSTMCell) else "GRU"

    def well_formed(self, input, hx) -> bool:
        """Whether torch.nn takes these arguments; if not, its own forward raises its own error."""
        weight = self.weight_ih
        if (
            not isinstance(input, Tensor)
            or input.dtype != weight.dtype
            or input.device != weight.device
        ):
            return False
        if input.dim() not in (1, 2) or input.shape[-1] != self.input_size or not input.numel():
            return False
        if isinstance(self, nn.RNNCell) and self.nonlinearity not in ("tanh", "relu"):
            return False
        if hx is None:
            return True
        given = hx if isinstance(self, nn.LSTMCell) and isinstance(hx, tuple | list) else (hx,)
        expected = [*input.shape[:-1], self.hidden_size]
        return len(given) == (2 if isinstance(self, nn.LSTMCell) else 1) and all(
            isinstance(part, Tensor) and list(part.shape) == expected and part.dtype == input.dtype
            for part in given
        )


class RNNCell(OneStep, nn.RNNCell):
    """torch.nn.RNNCell, with per-example gradients by torch.func.

    h = ostinato.nn.RNNCell(8, 16)(x, h)"""


class GRUCell(OneStep, nn.GRUCell):
    """torch.nn.GRUCell, with per-example gradients by torch.func.

    h = ostinato.nn.GRUCell(8, 16)(x, h)"""


class LSTMCell(OneStep, nn.LSTMCell):
    """torch.nn.LSTMCell, with per-example gradients by torch.func.

    h, c = ostinato.nn.LSTMCell(8, 16)(x, (h, c))"""
