"""torch.nn's RNN, GRU and LSTM with the same arguments, parameters and results, and `lengths=`.

Each is a subclass of the torch class of its name: constructor, initialisation, `state_dict`,
`repr`, hooks, copying and `isinstance` are torch's own code. Only `forward` is ours: it calls a
kernel where one takes the call, and torch's own forward where none does, which also raises the
errors about wrong shapes.

Letters: B batch, T time, D input, H hidden, R layers x directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ostinato import kernels
from ostinato.cells.cell import Cell
from ostinato.kernels import bindings
from ostinato.kernels.sequence.launch import run as native_run
from ostinato.kernels.sequence.launch import run_both
from ostinato.layers.checks import check_lengths
from ostinato.layers.drop_in.cell_views import (
    Parts,
    cell_around,
    reference,
    reference_wanted,
    torch_must_run,
)
from ostinato.layers.drop_in.symbolic_trace import is_traced, record_call
from ostinato.padding import padding_mask

FEWEST_STEPS = 8  # below this a kernel's preparation costs more than its steps save


def torch_dropout_mask(x: Tensor, rate: float, batch_sizes: Tensor | None) -> Tensor:
    """The mask [B, T, H] of zeros and 1 / (1 - rate) that torch's layers draw after the same seed.

    torch draws it time first, and for a PackedSequence (`batch_sizes`) without the padding."""
    if rate == 1:
        return torch.zeros_like(x)
    batch, steps, size = x.shape
    if batch_sizes is None:
        mask = x.new_empty(steps, batch, size).bernoulli_(1 - rate).div_(1 - rate)
        return mask.transpose(0, 1)
    mask = x.new_empty(int(batch_sizes.sum()), size).bernoulli_(1 - rate).div_(1 - rate)
    return pad_packed_sequence(PackedSequence(mask, batch_sizes), batch_first=True)[0]


class Layered(nn.RNNBase):
    """The code that RNN, GRU and LSTM share; `mode` is "LSTM", "GRU", "RNN_TANH" or "RNN_RELU"."""

    def forward(self, input, hx=None, *, lengths: Tensor | Sequence[int] | None = None):
        """The forward pass of torch.nn, with `lengths` in addition.

        Args:
            input: [T, B, D], or [B, T, D] with `batch_first`, [T, D], or a PackedSequence
            hx: h [R, B, H], for an LSTM (h, c); zeros if None
            lengths: [B], the number of valid time steps of each row of a padded batch. Outputs at
                padded steps are zero, the final state is that of the last valid step, and the
                reverse direction starts there

        Returns:
            The outputs and the final state, in torch.nn's form.
        """
        if is_traced(input, hx):
            options = {} if lengths is None else {"lengths": lengths}
            return record_call(self, input, *(() if hx is None else (hx,)), **options)
        if lengths is not None:
            return self.forward_padded(input, hx, lengths)
        packed = isinstance(input, PackedSequence)
        if not packed and (torch_must_run() or self.short(input)):
            return super().forward(input, hx)
        if not self.well_formed(input, hx):
            if packed:  # torch's LSTM checks no shapes here, and would read past its weights
                parts = self.parts(hx, input.data, int(input.batch_sizes[0]))
                self.check_forward_args(input.data, self.joined(parts), input.batch_sizes)
            return super().forward(input, hx)
        if packed:
            return self.forward_packed(input, hx)
        batched = input.dim() == 3
        x = input[None] if not batched else input if self.batch_first else input.transpose(0, 1)
        parts = self.parts(hx, x, x.shape[0])
        if not batched and hx is not None:
            parts = tuple(part[:, None] for part in parts)
        run = self.runner(x, parts)
        if run is None:
            return super().forward(input, hx)
        outputs, last = self.run_layers(run, x, parts, None)
        if not batched:
            return outputs[0], self.joined([part[:, 0] for part in last])
        return outputs if self.batch_first else outputs.transpose(0, 1).contiguous(), self.joined(
            last
        )

    def forward_packed(self, input: PackedSequence, hx):
        """PackedSequence -> PackedSequence; states in the caller's row order, as in torch.nn."""
        parts = self.parts(hx, input.data, int(input.batch_sizes[0]))
        run = self.runner(
            input.data[None].expand(parts[0].shape[1], -1, -1), parts, len(input.batch_sizes)
        )
        if run is None:
            return super().forward(input, hx)
        x, all_lengths = pad_packed_sequence(
            PackedSequence(input.data, input.batch_sizes), batch_first=True
        )
        lengths = check_lengths(all_lengths, x)
        if hx is not None and input.sorted_indices is not None:
            parts = tuple(part.index_select(1, input.sorted_indices) for part in parts)
        outputs, last = self.run_layers(run, x, parts, lengths, input.batch_sizes)
        full = torch.full((x.shape[0],), x.shape[1]) if lengths is None else lengths
        data = pack_padded_sequence(outputs, full, batch_first=True).data
        if input.unsorted_indices is not None:
            last = tuple(part.index_select(1, input.unsorted_indices) for part in last)
        return PackedSequence(data, *input[1:]), self.joined(last)

    def forward_padded(self, input: Tensor, hx, lengths: Tensor | Sequence[int]):
        """A padded batch with `lengths`: [B, T, D], or [T, B, D] unless `batch_first`."""
        if isinstance(input, PackedSequence):
            raise ValueError("lengths must not be given with a PackedSequence, which has its own")
        if input.dim() != 3:
            raise ValueError(
                f"lengths needs a padded batch of 3 dimensions as input; got {input.dim()}"
            )
        x = input if self.batch_first else input.transpose(0, 1)
        checked = check_lengths(lengths, x)
        parts = self.parts(hx, x, x.shape[0])
        self.check_forward_args(input, self.joined(parts), None)
        if checked is not None:  # the padding is not read, and NaN there does no harm
            x = x.masked_fill(~padding_mask(checked, x.shape[1], x.device)[..., None], 0)
        run = self.runner(x, parts)
        outputs, last = (
            self.run_layers(run, x, parts, checked) if run else self.run_packed(x, parts, checked)
        )
        return outputs if self.batch_first else outputs.transpose(0, 1).contiguous(), self.joined(
            last
        )

    def short(self, input: Tensor) -> bool:
        """Whether the input has so few time steps that torch's own forward is faster."""
        time = 0 if input.dim() == 2 or not self.batch_first else 1
        return input.dim() > time and input.shape[time] < FEWEST_STEPS and not reference_wanted()

    def runner(self, x: Tensor, parts: Parts, steps: int | None = None) -> Callable | None:
        """The function that runs a layer: a kernel, or the reference; None for torch's forward."""
        if torch_must_run():
            return None
        if reference_wanted():
            self._update_flat_weights()
            return reference
        if (x.shape[1] if steps is None else steps) < FEWEST_STEPS or bindings.missing:
            return None
        self._update_flat_weights()
        return (
            native_run
            if kernels.usable(self.cell(0), x, tuple(part[0] for part in parts))
            else None
        )

    def run_packed(self, x: Tensor, parts: Parts, lengths: Tensor | None) -> tuple[Tensor, Parts]:
        """torch's own forward on the rows with at least one time step; the others keep their state.

        x [B, T, D], parts each [R, B, H], lengths [B] -> outputs [B, T, O], parts."""
        full = torch.full((x.shape[0],), x.shape[1]) if lengths is None else lengths
        rows = full.nonzero()[:, 0].to(x.device)
        if not len(rows):
            return x.new_zeros(
                *x.shape[:2], self.widths[0] * (2 if self.bidirectional else 1)
            ), parts
        packed = pack_padded_sequence(
            x[rows], full[full > 0], batch_first=True, enforce_sorted=False
        )
        outputs, last = super().forward(packed, self.joined([part[:, rows] for part in parts]))
        outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])
        last = last if isinstance(last, tuple) else (last,)
        if len(rows) == len(full):
            return outputs, last
        everything = outputs.new_zeros(len(full), *outputs.shape[1:]).index_copy(0, rows, outputs)
        return everything, tuple(  # under autocast of another dtype than the initial state
            old.to(new.dtype).index_copy(1, rows, new) for old, new in zip(parts, last, strict=True)
        )

    def run_layers(
        self,
        run: Callable,
        x: Tensor,
        parts: Parts,
        lengths: Tensor | None,
        batch_sizes: Tensor | None = None,
    ) -> tuple[Tensor, Parts]:
        """Every layer in its one or two directions.

        Args:
            run: run(cell, x, state, lengths, reverse=...) -> (outputs, state)
            x: [B, T, D]
            parts: the initial state, each part [R, B, H]
            lengths: [B], or None if every row is full
            batch_sizes: the batch sizes of the PackedSequence that x was unpacked from, if any

        Returns:
            The outputs of the top layer [B, T, O], both directions concatenated, and the final
            state, each part [R, B, H].
        """
        directions = 2 if self.bidirectional else 1
        last: list[Parts] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = x * torch_dropout_mask(x, self.dropout, batch_sizes)
            rows = range(layer * directions, (layer + 1) * directions)
            layer_cells, states = (
                [self.cell(row) for row in rows],
                [tuple(part[row] for part in parts) for row in rows],
            )
            if directions == 2 and run is native_run:
                x, states = run_both(layer_cells, x, states, lengths)
                last += states
                continue
            outputs: list[Tensor] = []
            for cell, state in zip(layer_cells, states, strict=True):
                output, state = run(cell, x, state, lengths, reverse=bool(outputs))
                outputs.append(output)
                last.append(state)
            x = outputs[0] if directions == 1 else torch.cat(outputs, dim=-1)
        return x, tuple(torch.stack(part) for part in zip(*last, strict=True))

    def cell(self, row: int) -> Cell:
        """The `ostinato.cells` cell of layer and direction `row`, with this module's weights."""
        each = len(self._flat_weights) // self.rows
        weights = [
            weight
            for weight in self._flat_weights[row * each : (row + 1) * each]
            if weight is not None
        ]
        return cell_around(self.mode, weights, bias=self.bias, training=self.training)

    @property
    def rows(self) -> int:
        """Layers times directions."""
        return self.num_layers * (2 if self.bidirectional else 1)

    @property
    def widths(self) -> tuple[int, ...]:
        """The sizes of the state's parts: (O,), or (O, H) for an LSTM; O is H if not projected."""
        output = self.proj_size or self.hidden_size
        return (output, self.hidden_size) if self.mode == "LSTM" else (output,)

    def parts(self, hx, x: Tensor, batch: int) -> Parts:
        """hx as (h,) or (h, c), each [R, B, H]; zeros for `batch` rows if None."""
        if hx is not None:
            return tuple(hx) if self.mode == "LSTM" else (hx,)
        return tuple(x.new_zeros(self.rows, batch, width) for width in self.widths)

    def joined(self, parts: Sequence[Tensor]):
        """(h,) -> h, (h, c) -> (h, c): torch's form of the state."""
        return tuple(parts) if self.mode == "LSTM" else parts[0]

    def well_formed(self, input, hx) -> bool:
        """Whether these arguments are valid for torch.nn; if not, its forward raises the error."""
        packed = isinstance(input, PackedSequence)
        data, weight = (input.data if packed else input), self._flat_weights[0]
        if (
            weight is None
            or not isinstance(data, Tensor)
            or data.dtype != weight.dtype
            or data.device != weight.device
        ):
            return False
        if (
            data.dim() not in ((2,) if packed else (2, 3))
            or data.shape[-1] != self.input_size
            or not data.numel()
        ):
            return False
        if hx is None:
            return True
        batch = [int(input.batch_sizes[0])] if packed else []
        if data.dim() == 3:
            batch = [data.shape[0 if self.batch_first else 1]]
        given = hx if self.mode == "LSTM" and isinstance(hx, tuple | list) else (hx,)
        return len(given) == len(self.widths) and all(
            isinstance(part, Tensor)
            and list(part.shape) == [self.rows, *batch, width]
            and part.dtype == data.dtype
            for part, width in zip(given, self.widths, strict=True)
        )


class RNN(Layered, nn.RNN):
    """torch.nn.RNN, faster where a kernel takes the call, and with `lengths=`.

    rnn = ostinato.nn.RNN(8, 16, num_layers=2, nonlinearity="relu", batch_first=True)
    output, h_n = rnn(x, lengths=[5, 3])"""


class GRU(Layered, nn.GRU):
    """torch.nn.GRU, faster where a kernel takes the call, and with `lengths=`.

    output, h_n = ostinato.nn.GRU(8, 16, bidirectional=True, batch_first=True)(x, lengths=[5, 3])"""


class LSTM(Layered, nn.LSTM):
    """torch.nn.LSTM, faster where a kernel takes the call, and with `lengths=`.

    lstm = ostinato.nn.LSTM(8, 16, proj_size=4, batch_first=True)
    output, (h_n, c_n) = lstm(x, lengths=[5, 3])"""
