"""Any cell over time: stacked, in both directions, on padded batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ostinato import kernels
from ostinato.cells.cell import Cell, CellType
from ostinato.cells.recurrent_dropout import regularised
from ostinato.cells.state import State
from ostinato.layers.dropout import dropout
from ostinato.layers.gradient_checkpointing import run_in_blocks
from ostinato.layers.left_padding import roll_rows, starts_and_lengths
from ostinato.layers.trace import Trace, traced_run
from ostinato.layers.validation import (
    check_inputs,
    check_lengths,
    check_options,
    check_state,
    made,
    sizes_of_layers,
)
from ostinato.padding import padding_mask, reverse

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
    its row's last real step. It goes in again to continue: `recurrent(more, state=state)`. Without lengths every row
    is full; rows padded on the left are said by a mask [B, T], True at real steps, in place of lengths.

    cell               a Cell class, or `partial(LSTM, forget_bias=2.0)`
    hidden_size        one number, or one for each layer
    merge              how the two directions become one: concat, sum or mean
    dropout            of what goes from layer to layer; `locked`: the same units at each step (variational dropout)
    recurrent_dropout, weight_drop, zoneout   inside the recurrence; see `cells.regularise`
    residual           each layer but the first adds its inputs to its outputs (Wu et al., 2016)
    pre_norm           layer norm of what each layer but the first reads, not of what it adds to, and of the last outputs (Xiong
                       et al., 2020, section 3)
    learned_initial_state      the state before the first step is a parameter, zero at first
    recompute          True, or a number of steps: backpropagation in little memory; see `layers.recompute`

    Raises ValueError, before anything is computed, for an option, input, length or state that does not fit."""

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
        locked: bool = False,
        recurrent_dropout: float = 0.0,
        weight_drop: float = 0.0,
        zoneout: float | Sequence[float] = 0.0,
        residual: bool = False,
        pre_norm: bool = False,
        learned_initial_state: bool = False,
        recompute: bool | int = False,
    ):
        super().__init__()
        if merge not in MERGES:
            raise ValueError(f"merge must be one of {', '.join(MERGES)}; got {merge!r}")
        self.input_size, self.hidden_size, self.layers = input_size, hidden_size, layers
        self.bidirectional, self.directions, self.merge = (
            bidirectional,
            2 if bidirectional else 1,
            merge,
        )
        self.dropout, self.locked, self.residual, self.recompute = (
            dropout,
            locked,
            residual,
            recompute,
        )
        self.cells, self.norms = nn.ModuleList(), nn.ModuleList()
        width = input_size
        for layer, size in enumerate(sizes_of_layers(hidden_size, layers)):
            self.cells.extend(made(cell, width, size) for _ in range(self.directions))
            before, width = (
                width,
                self.cells[-1].output_size * (self.directions if merge == "concat" else 1),
            )
            if residual and layer and before != width:
                raise ValueError(
                    f"residual needs layers of equal output size; got {before} before {width}"
                )
            if pre_norm:
                self.norms.append(nn.LayerNorm(width))
        self.output_size = width
        zoneout = (
            (zoneout,) * self.cells[0].parts if isinstance(zoneout, int | float) else tuple(zoneout)
        )
        self.inside = {
            "recurrent_dropout": recurrent_dropout,
            "weight_drop": weight_drop,
            "zoneout": zoneout,
        }
        check_options(self.cells, dropout, **self.inside)
        sizes = [size for one in self.cells for size in one.sizes] if learned_initial_state else []
        self.first = nn.ParameterList(torch.zeros(size) for size in sizes)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step."""
        if not len(self.first):
            like = self.cells[0].from_input.weight
            return tuple(cell.initial_state(batch_size, like) for cell in self.cells)
        learned = iter(self.first)
        return tuple(
            tuple(next(learned).expand(batch_size, -1) for _ in cell.sizes) for cell in self.cells
        )

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: State = None
    ) -> tuple[Tensor, State]:
        """(x [B, T, D], lengths [B] or mask [B, T], state) -> (outputs [B, T, output_size], state)"""
        if (
            lengths is None
            and state is not None
            and not torch.is_grad_enabled()
            and self.steps_alone(x)
        ):
            found = kernels.one_step(self, list(self.cells), x[:, 0], state, residual=self.residual)
            if found is not None:
                return found[0].unsqueeze(1), found[1]
        return self.through(self.run_cell, x, lengths, state)

    @property
    def formulas_alone(self) -> bool:
        """Whether a step in evaluation needs nothing but the cells' formulas, one after the other: what compiled steps have."""
        return self.directions == 1 and not any(self.inside["zoneout"]) and not self.norms

    def steps_alone(self, x: Tensor) -> bool:
        """Whether this is a single step that needs nothing but the formulas, as in decoding."""
        inside = self.inside
        random = self.training and (
            self.dropout or inside["recurrent_dropout"] or inside["weight_drop"]
        )
        return (
            self.formulas_alone
            and not random
            and type(x) is Tensor
            and x.dim() == 3
            and x.shape[1] == 1
        )

    def trace(self, x: Tensor, lengths: Tensor | None = None, state: State = None) -> Trace:
        """The same run by the reference, keeping every gate and state of every layer at every step, by name."""
        seen = []

        def watch(
            cell: Cell, x: Tensor, state: State, lengths: Tensor | None
        ) -> tuple[Tensor, State]:
            outputs, state, named = traced_run(cell, x, state, lengths)
            backward = len(seen) % self.directions
            seen.append(
                {
                    name: reverse(value, lengths) if backward else value
                    for name, value in named.items()
                }
            )
            return outputs, state

        if isinstance(lengths, Tensor) and lengths.dtype == torch.bool:
            raise ValueError(
                "lengths must be [B] for a trace, with the padding on the right; got a mask"
            )
        if isinstance(x, Tensor) and x.dim() == 3 and x.shape[1] == 0:
            raise ValueError("x must have at least one step to be traced; got none")
        outputs, state = self.through(watch, x, lengths, state)
        return Trace(outputs, state, tuple(seen), self.directions)

    def run_cell(
        self, cell: Cell, x: Tensor, state: State, lengths: Tensor | None
    ) -> tuple[Tensor, State]:
        """One layer in one direction: in one go, or in blocks that are computed again."""
        if self.recompute:
            return run_in_blocks(
                cell, x, state, lengths, 0 if self.recompute is True else self.recompute
            )
        return cell.run(x, state, lengths)

    def through(
        self, run: Callable, x: Tensor, lengths: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        """All layers, where `run(cell, x, state, lengths)` takes each cell over time."""
        check_inputs(x, self.input_size, self.cells[0].from_input.weight)
        starts = None
        if isinstance(lengths, Tensor) and lengths.dtype == torch.bool:
            starts, lengths = starts_and_lengths(lengths, x.shape)
            x = roll_rows(x, starts)
        lengths = check_lengths(lengths, x)
        state = (
            self.initial_state(x.shape[0]) if state is None else check_state(state, self.cells, x)
        )
        if lengths is not None:  # whatever stands in the padding, NaN too, stays there
            x = x.masked_fill(~padding_mask(lengths, x.shape[1], x.device)[..., None], 0)
        last = []
        for layer in range(self.layers):
            x, new = self.run_layer(run, layer, x, lengths, state)
            last += new
        if self.norms:
            x = self.norms[-1](x)
            x = (
                x
                if lengths is None
                else x.masked_fill(~padding_mask(lengths, x.shape[1], x.device)[..., None], 0)
            )
        return x if starts is None else roll_rows(x, -starts), tuple(last)

    def run_layer(
        self, run: Callable, layer: int, x: Tensor, lengths: Tensor | None, state: State
    ) -> tuple[Tensor, list]:
        """One layer in its one or two directions: the backward one starts at each row's last real step."""
        inputs = x
        if layer:
            inputs = dropout(
                self.norms[layer - 1](x) if self.norms else x,
                self.dropout,
                training=self.training,
                locked=self.locked,
            )
        first = layer * self.directions
        cells = [
            regularised(cell, x.shape[0], **self.inside)
            for cell in self.cells[first : first + self.directions]
        ]
        states = state[first : first + self.directions]
        if self.directions == 1:
            outputs, last = run(cells[0], inputs, states[0], lengths)
            last = [last]
        else:
            outputs, last = self.run_both(run, cells, inputs, states, lengths)
        return outputs + x if layer and self.residual else outputs, last

    def run_both(
        self, run: Callable, cells: list[Cell], x: Tensor, states: State, lengths: Tensor | None
    ) -> tuple[Tensor, list]:
        """The two directions of a layer, at the same time where a kernel can."""
        plain = run == self.run_cell and not self.recompute
        if plain and (kernel := kernels.find_both(cells, x, states, lengths)):
            outputs, last = kernel(cells, x, states, lengths)
            return outputs if self.merge == "concat" else MERGES[self.merge](
                *outputs.chunk(2, dim=-1)
            ), list(last)
        forward, first = run(cells[0], x, states[0], lengths)
        backward, second = run(cells[1], reverse(x, lengths), states[1], lengths)
        return MERGES[self.merge](forward, reverse(backward, lengths)), [first, second]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, layers={self.layers}, bidirectional={self.bidirectional}"
