"""torch.nn's RNNCell, GRUCell and LSTMCell, as subclasses that torch.func can transform."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ostinato.layers.drop_in.torch_style import build_cell_around, is_recorded, wants_reference


class OneStep(nn.RNNCellBase):
    """What the cells share: torch's own step, or the reference under torch.func."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """As torch.nn's."""
        if is_recorded() or not wants_reference() or not self.is_well_formed(input, hx):
            return super().forward(input, hx)
        batched = input.dim() == 2
        x = input if batched else input[None]
        weights = [self.weight_ih, self.weight_hh] + (
            [self.bias_ih, self.bias_hh] if self.bias else []
        )
        cell = build_cell_around(self.mode(), weights, bias=self.bias, training=self.training)
        state = cell.initial_state(x.shape[0], x)
        if hx is not None:
            state = tuple(hx) if cell.parts > 1 else (hx,)
            state = state if batched else tuple(part[None] for part in state)
        last = cell.step(cell.project(x), state)
        last = last if batched else tuple(part[0] for part in last)
        return last if cell.parts > 1 else last[0]

    def mode(self) -> str:
        """torch's name of the formula."""
        if isinstance(self, nn.RNNCell):
            return f"RNN_{self.nonlinearity.upper()}"
        return "LSTM" if isinstance(self, nn.LSTMCell) else "GRU"

    def is_well_formed(self, input: Any, hx: Any) -> bool:
        """Whether torch.nn would accept the arguments; if not, its forward raises its own error."""
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
    """torch.nn.RNNCell for torch.func: h = ostinato.nn.RNNCell(8, 16)(x, h)"""


class GRUCell(OneStep, nn.GRUCell):
    """torch.nn.GRUCell for torch.func: h = ostinato.nn.GRUCell(8, 16)(x, h)"""


class LSTMCell(OneStep, nn.LSTMCell):
    """torch.nn.LSTMCell for torch.func: h, c = ostinato.nn.LSTMCell(8, 16)(x, (h, c))"""
