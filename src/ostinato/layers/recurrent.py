"""The recurrent layer: any cell over time, stacked, in one or both directions, on padded batches.

Letters: B batch, T time, D input, H hidden, O output (the width of a cell's output; H unless it
projects)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ostinato import kernels
from ostinato.cells.cell import Cell, CellType
from ostinato.cells.regularisation import Regularisation, regularise
from ostinato.cells.rnn import Activation
from ostinato.cells.state import State
from ostinato.layers.checks import (
    build_cell,
    check_inputs,
    check_lengths,
    check_options,
    check_state,
    check_traced,
    check_widths,
    list_hidden_sizes,
)
from ostinato.layers.dropout import dropout
from ostinato.layers.gradient_checkpointing import run_with_checkpointing
from ostinato.layers.left_padding import find_left_padding, roll_rows
from ostinato.layers.trace import Trace, run_traced
from ostinato.padding import padding_mask, reverse

MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "concat": lambda forward, backward: torch.cat([forward, backward], dim=-1),
    "sum": lambda forward, backward: forward + backward,
    "mean": lambda forward, backward: (forward + backward) / 2,
    "product": lambda forward, backward: forward * backward,
}
# (cell, x, state, lengths) -> (outputs, state at each row's last real step)
Run = Callable[[Cell, Tensor, State, Tensor | None], tuple[Tensor, State]]


def bidirectional_hidden_size(
    hidden_size: int,
    *,
    bidirectional: bool = True,
    merge: str = "concat",
    name: str = "hidden_size",
) -> int:
    """The hidden size of each direction where both together have `hidden_size` units.

    bidirectional_hidden_size(256) -> 128; bidirectional_hidden_size(256, merge="sum") -> 256

    Args:
        hidden_size: Units of both directions together.
        bidirectional: Whether there are two directions; one has all units.
        merge: How they are merged: concatenated directions have half of the units each, others all
            of them.
        name: What a message calls the number of units.

    Raises:
        ValueError: An odd number of units to be halved.
    """
    if not bidirectional or merge != "concat":
        return hidden_size
    if hidden_size % 2:
        raise ValueError(f"{name} must be even, half of it for each direction; got {hidden_size}")
    return hidden_size // 2


class Recurrent(nn.Module):
    """A recurrent layer, or a stack of them.

        outputs, state = Recurrent(LSTM, 8, 16, layers=2, bidirectional=True)(x, lengths)

    The state is a tuple with one cell state for each layer and direction (first layer forward,
    first layer backward, second layer forward, ...), each at its row's last real step. It goes in
    again to continue: `recurrent(more, state=state)`.

    Args:
        cell: A Cell class, or `partial(LSTM, forget_bias=2.0)`.
        input_size: D.
        hidden_size: H of each direction: one number, or one for each layer.
            `bidirectional_hidden_size` halves a number of units that both directions share.
        layers: Stacked layers.
        bidirectional: Whether each layer has a second cell that reads from the last real step to
            the first (Schuster and Paliwal 1997).
        merge: How the outputs of the two directions become one: concat, sum, mean or product.
        activation: The activation g of cells that have one, such as RNN: tanh, relu, sigmoid or a
            function; None: the cell's own.
        dropout: Of what goes from layer to layer.
        locked: Variational dropout: the same units at each step.
        recurrent_dropout, weight_drop, zoneout: Inside the recurrence: `cells.regularisation`.
        residual: Whether each layer but the first adds its inputs to its outputs (Wu et al. 2016).
        pre_norm: Whether there is a layer norm of what each layer but the first reads, not of what
            it adds to, and of the last outputs (Xiong et al. 2020, section 3).
        learned_initial_state: Whether the state before the first step is a parameter, zero at
            first.
        recompute: True, or a number of steps: backpropagation in little memory; see
            `layers.gradient_checkpointing`.

    Raises:
        ValueError: Before anything is computed, for an option, input, length or state that does not
            fit.
    """

    def __init__(
        self,
        cell: CellType,
        input_size: int,
        hidden_size: int | Sequence[int],
        *,
        layers: int = 1,
        bidirectional: bool = False,
        merge: str = "concat",
        activation: Activation | None = None,
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
        self.bidirectional, self.directions = bidirectional, 2 if bidirectional else 1
        self.merge, self.residual, self.recompute = merge, residual, recompute
        self.dropout, self.locked = dropout, locked
        widths = [input_size]  # of what each layer reads, and of the last outputs
        cells: list[Cell] = []
        for size in list_hidden_sizes(hidden_size, layers):
            cells += [
                build_cell(cell, widths[-1], size, activation) for _ in range(self.directions)
            ]
            joined = self.directions if merge == "concat" else 1
            widths.append(cells[-1].output_size * joined)
        check_widths(widths, residual=residual)
        self.cells, self.output_size = nn.ModuleList(cells), widths[-1]
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths[1:] * pre_norm)
        parts = self.typed_cells[0].parts
        self.regularisation: Regularisation = {
            "recurrent_dropout": recurrent_dropout,
            "weight_drop": weight_drop,
            "zoneout": (zoneout,) * parts if isinstance(zoneout, int | float) else tuple(zoneout),
        }
        check_options(self.typed_cells, dropout, **self.regularisation)
        sizes = [size for one in self.typed_cells for size in one.sizes]
        self.first = nn.ParameterList(torch.zeros(size) for size in sizes * learned_initial_state)

    @property
    def typed_cells(self) -> list[Cell]:
        """The cells of all layers and directions, in the order of the state."""
        # a ModuleList forgets the class of its elements
        return list(self.cells)  # type: ignore[arg-type]

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, for `batch_size` rows: zeros, or learned."""
        if not len(self.first):
            like = self.typed_cells[0].from_input.weight
            return tuple(cell.initial_state(batch_size, like) for cell in self.typed_cells)
        learned = iter(self.first)
        return tuple(
            tuple(next(learned).expand(batch_size, -1) for _ in cell.sizes)
            for cell in self.typed_cells
        )

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: State = None
    ) -> tuple[Tensor, State]:
        """Runs all layers over all steps.

        Args:
            x: [B, T, D].
            lengths: The real steps of each row [B]; or a mask [B, T], True at real steps, for rows
                padded on the left; or None if every row is full.
            state: The state before the first step; None: the initial state.

        Returns:
            The outputs of the last layer [B, T, output_size], zero in the padding, and the state.
        """
        if (
            lengths is None
            and state is not None
            and not torch.is_grad_enabled()
            and self.is_plain_step(x)
        ):
            found = kernels.one_step(self, self.typed_cells, x[:, 0], state, residual=self.residual)
            if found is not None:
                return found[0].unsqueeze(1), found[1]
        return self.run_layers(self.run_cell, x, lengths, state)

    @property
    def has_plain_steps(self) -> bool:
        """Whether a step in evaluation needs only the cells' formulas, as compiled steps do."""
        return self.directions == 1 and not any(self.regularisation["zoneout"]) and not self.norms

    def is_plain_step(self, x: Tensor) -> bool:
        """Whether x is a single step, as in decoding, that needs nothing but the formulas."""
        random = self.training and (
            self.dropout
            or self.regularisation["recurrent_dropout"]
            or self.regularisation["weight_drop"]
        )
        return (
            self.has_plain_steps
            and not random
            and type(x) is Tensor
            and x.dim() == 3
            and x.shape[1] == 1
        )

    def trace(self, x: Tensor, lengths: Tensor | None = None, state: State = None) -> Trace:
        """The same run by the reference, with every gate and state at every step, by name.

        Args:
            x: [B, T, D], at least one step.
            lengths: [B], or None; no mask.
            state: As for `forward`.
        """
        seen: list[dict[str, Tensor]] = []

        def run(
            cell: Cell, x: Tensor, state: State, lengths: Tensor | None
        ) -> tuple[Tensor, State]:
            outputs, state, named = run_traced(cell, x, state, lengths)
            if len(seen) % self.directions:  # the backward one: back into the order of x
                named = {name: reverse(value, lengths) for name, value in named.items()}
            seen.append(named)
            return outputs, state

        check_traced(x, lengths)
        outputs, state = self.run_layers(run, x, lengths, state)
        return Trace(outputs, state, tuple(seen), self.directions)

    def run_cell(
        self, cell: Cell, x: Tensor, state: State, lengths: Tensor | None
    ) -> tuple[Tensor, State]:
        """One layer in one direction: in one piece, or in blocks (`recompute`)."""
        if self.recompute:
            size = 0 if self.recompute is True else self.recompute
            return run_with_checkpointing(cell, x, state, lengths, size)
        return cell.run(x, state, lengths)

    def run_layers(
        self, run: Run, x: Tensor, lengths: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        """As `forward`, with `run` taking each cell over time: by a kernel, or traced."""
        check_inputs(x, self.input_size, self.typed_cells[0].from_input.weight)
        starts = None
        if isinstance(lengths, Tensor) and lengths.dtype == torch.bool:
            starts, lengths = find_left_padding(lengths, x.shape)
            x = roll_rows(x, starts)
        lengths = check_lengths(lengths, x)
        state = (
            self.initial_state(x.shape[0])
            if state is None
            else check_state(state, self.typed_cells, x)
        )
        x = clear_padding(x, lengths)  # so that NaN in the padding stays there
        last = []
        for layer in range(self.layers):
            x, new = self.run_layer(run, layer, x, lengths, state)
            last += new
        if self.norms:
            x = clear_padding(self.norms[-1](x), lengths)
        return x if starts is None else roll_rows(x, -starts), tuple(last)

    def run_layer(
        self, run: Run, layer: int, x: Tensor, lengths: Tensor | None, state: State
    ) -> tuple[Tensor, list[State]]:
        """One layer, in both directions if it has them -> (outputs, a state for each)."""
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
            regularise(cell, x.shape[0], **self.regularisation)
            for cell in self.typed_cells[first : first + self.directions]
        ]
        states = state[first : first + self.directions]
        if self.directions == 1:
            outputs, end = run(cells[0], inputs, states[0], lengths)
            last = [end]
        else:
            outputs, last = self.run_both(run, cells, inputs, states, lengths)
        return outputs + x if layer and self.residual else outputs, last

    def run_both(
        self, run: Run, cells: list[Cell], x: Tensor, states: State, lengths: Tensor | None
    ) -> tuple[Tensor, list[State]]:
        """The two directions of a layer, merged; at the same time where a kernel can.

        The backward direction starts at each row's last real step.
        """
        merge = MERGES[self.merge]
        plain = run == self.run_cell and not self.recompute
        if plain and (kernel := kernels.find_both(cells, x, states, lengths)):
            outputs, last = kernel(cells, x, states, lengths)  # [B, T, 2 O]
            return outputs if self.merge == "concat" else merge(*outputs.chunk(2, -1)), list(last)
        forward, first = run(cells[0], x, states[0], lengths)
        backward, second = run(cells[1], reverse(x, lengths), states[1], lengths)
        return merge(forward, reverse(backward, lengths)), [first, second]

    def extra_repr(self) -> str:
        """For `print(recurrent)`."""
        return (
            f"{self.input_size}, {self.hidden_size}, layers={self.layers}, "
            f"bidirectional={self.bidirectional}"
        )


def clear_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """x [B, T, D] with zeros beyond each row's length."""
    if lengths is None:
        return x
    return x.masked_fill(~padding_mask(lengths, x.shape[1], x.device)[..., None], 0)
