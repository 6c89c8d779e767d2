"""Any cell over time: stacked, in both directions, on padded batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import Cell, CellType, real, reverse
from ostinato.cells.state import State
from ostinato.layers.check import check_inputs, check_lengths, check_state

MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "concat": lambda forward, backward: torch.cat([forward, backward], dim=-1),
    "sum": lambda forward, backward: forward + backward,
    "mean": lambda forward, backward: (forward + backward) / 2,
}


class Recurrent(nn.Module):
    """A recurrent layer, or a stack of them.

        outputs, state = Recurrent(LSTM, 8, 16, layers=2, bidirectional=True)(x, lengths)

    x [B, T, D], lengths [B] -> outputs [B, T, output_size]; zero beyond each length. `state` is a tuple with one cell
    state for each layer and direction (first layer forward, first layer backward, second layer forward, ...), each at
    its row's last real step. It goes in again to continue: `recurrent(more, state=state)`."""

    def __init__(
        self,
        cell: CellType,
        input_size: int,
        hidden_size: int | Sequence[int],
        *,
        layers: int = 1,
        bidirectional: bool = False,
        merge: str = "concat",
        dropout: float = 0.0,
    ):
        super().__init__()
        if merge not in MERGES:
            raise ValueError(f"merge must be one of {', '.join(MERGES)}; got {merge!r}")
        self.layers, self.directions, self.merge = layers, 2 if bidirectional else 1, merge
        self.input_size, self.hidden_size = input_size, hidden_size
        self.dropout = dropout
        self.cells = nn.ModuleList()
        width = input_size
        for size in sizes_of_layers(hidden_size, layers):
            self.cells.extend(cell(width, size) for _ in range(self.directions))
            width = self.cells[-1].output_size * (self.directions if merge == "concat" else 1)
        self.output_size = width

    def start(self, batch_size: int) -> State:
        """The state before the first step."""
        like = next(self.parameters())
        return tuple(cell.start(batch_size, like) for cell in self.cells)

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: State = None) -> tuple[Tensor, State]:
        check_inputs(x, self.input_size, next(self.parameters()))
        lengths = check_lengths(lengths, x)
        state = self.start(x.shape[0]) if state is None else check_state(state, self.cells, x)
        if lengths is not None:  # whatever stands in the padding, NaN too, stays there
            x = x.masked_fill(~real(lengths, x.shape[1], x.device)[..., None], 0)
        last = []
        for layer in range(self.layers):
            if layer:
                x = functional.dropout(x, self.dropout, self.training)
            first = layer * self.directions
            cells, states = (part[first : first + self.directions] for part in (self.cells, state))
            x, new = self.run_layer(cells, x, lengths, states)
            last += new
        return x, tuple(last)

    def run_layer(self, cells: Sequence[Cell], x: Tensor, lengths: Tensor | None, states: State) -> tuple[Tensor, list]:
        """One layer in its one or two directions: the backward one starts at each row's last real step."""
        outputs, last = cells[0].run(x, states[0], lengths)
        if self.directions == 1:
            return outputs, [last]
        backward, first = cells[1].run(reverse(x, lengths), states[1], lengths)
        return MERGES[self.merge](outputs, reverse(backward, lengths)), [last, first]


def sizes_of_layers(hidden_size: int | Sequence[int], layers: int) -> list[int]:
    """sizes_of_layers(8, 2) -> [8, 8]; sizes_of_layers([8, 4], 2) -> [8, 4]"""
    if not isinstance(layers, int) or layers < 1:
        raise ValueError(f"layers must be a positive whole number; got {layers!r}")
    sizes = [hidden_size] * layers if isinstance(hidden_size, int) else list(hidden_size)
    if len(sizes) != layers:
        raise ValueError(f"hidden_size must be one number or one for each of the {layers} layers; got {hidden_size}")
    return sizes
