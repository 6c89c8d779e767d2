"""torch.nn's RNN, GRU and LSTM with the same arguments, parameters and numbers, and `lengths=`.

Each is a subclass of the torch class of its name: constructor, initialisation, `state_dict`,
`repr`, hooks, copying and `isinstance` are torch's own code. Only `forward` is ours: it runs a
kernel where one is usable, and otherwise torch's own forward, which also raises every error about
shapes.

Why PATTERNS: a kernel is given one of `ostinato.cells`, while here the parameters must stay where
torch keeps them, under torch's names. So for each call a cell is put together around these very
tensors: a copy of a pattern, which has everything but weights (it is on the meta device). To build
a cell anew for each call would allocate and initialise weights that are thrown away; to keep one
would leave two modules that must agree after `.to()`, `load_state_dict` and parametrizations.

Letters: B batch, T time, D input, H hidden, R layers x directions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ostinato import cells, kernels
from ostinato.cells.cell import Cell, scan
from ostinato.kernels import bindings
from ostinato.kernels.availability import switched_off
from ostinato.kernels.sequence.launch import run as native_run
from ostinato.kernels.sequence.launch import run_both
from ostinato.layers.validation import check_lengths
from ostinato.padding import padding_mask
from ostinato.padding import reverse as reversed_rows

FEWEST_STEPS = 8  # below this a kernel's preparation costs more than its steps save
M = TypeVar("M", bound=nn.Module)
Parts = tuple[Tensor, ...]  # (h,) or (h, c): [R, B, H] for a layer, [B, H] for a cell


with torch.device(
    "meta"
):  # nothing behind their weights: they are only ever copied around those of a module
    PATTERNS: dict[str, Cell] = {
        "RNN_TANH": cells.RNN(1, 1, activation="tanh"),
        "RNN_RELU": cells.RNN(1, 1, activation="relu"),
        "GRU": cells.GRU(1, 1),
        "LSTM": cells.LSTM(1, 1),
        "LSTM projected": cells.LSTM(1, 2, output_size=1),
    }


def copy_around(module: M, children: Mapping[str, nn.Module | None], **tensors: Tensor | None) -> M:
    """A copy of `module` around other tensors, without running its constructor."""
    new: M = object.__new__(type(module))
    vars(new).update(vars(module), _parameters=tensors, _modules=children)
    return new


def build_cell_around(mode: str, weights: Sequence[Tensor], *, bias: bool, training: bool) -> Cell:
    """The cell of torch's `mode` around the tensors of one layer and direction.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        weights: W_ih, W_hh, with `bias` b_ih and b_hh, and with a projection W_hr.
        bias: Whether there are biases.
        training: Whether the module is in training mode.
    """
    biases = (weights[2], weights[3]) if bias else (None, None)
    projected = len(weights) > (4 if bias else 2)
    pattern = PATTERNS[f"{mode} projected" if projected else mode]
    children = pattern._modules | {
        "from_input": copy_around(pattern.from_input, {}, weight=weights[0], bias=biases[0]),
        "from_hidden": copy_around(pattern.from_hidden, {}, weight=weights[1], bias=biases[1]),
    }
    if projected:
        children["to_output"] = copy_around(
            pattern.get_submodule("to_output"), {}, weight=weights[-1], bias=None
        )
    cell = copy_around(pattern, children)
    rows, input_size = weights[0].shape
    sizes = {
        "input_size": input_size,
        "hidden_size": rows // pattern.gates,
        "output_size": weights[1].shape[1],
    }
    vars(cell).update(sizes, training=training)
    return cell


def wants_reference() -> bool:
    """Whether the reference must run: kernels are disabled, or torch.func transforms the call."""
    return bool(switched_off()) or torch._C._functorch.peek_interpreter_stack() is not None


def is_recorded() -> bool:
    """Whether torch's own code must run: the call is compiled, traced or under autocast."""
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or torch._C._is_any_autocast_enabled()
    )


def reference(
    cell: Cell, x: Tensor, state: Parts, lengths: Tensor | None, *, reverse: bool
) -> tuple[Tensor, Parts]:
    """The reference loop over one layer and direction; backwards from each row's last real step."""
    if not reverse:
        return scan(cell, x, state, lengths)
    outputs, last = scan(cell, reversed_rows(x, lengths), state, lengths)
    return reversed_rows(outputs, lengths), last


class Layered(nn.RNNBase):
    """What RNN, GRU and LSTM share. `mode` is torch's: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU"."""

    def forward(
        self, input: Any, hx: Any = None, *, lengths: Tensor | Sequence[int] | None = None
    ) -> tuple[Any, Any]:
        """As torch.nn's, with `lengths` for padded batches.

        Args:
            input: As torch.nn's.
            hx: As torch.nn's.
            lengths: The number of real steps of each row [B]. Outputs beyond are zero, the final
                state is that of the last real step, and the reverse direction starts there.
        """
        if lengths is not None:
            return self.forward_padded(input, hx, lengths)
        packed = isinstance(input, PackedSequence)
        if not packed and (is_recorded() or self.is_short(input)):
            return super().forward(input, hx)
        if not self.is_well_formed(input, hx):
            if packed:  # where torch's LSTM checks nothing and reads beyond its weights
                parts = self.parts(hx, input.data, int(input.batch_sizes[0]))
                self.check_forward_args(input.data, self.join_parts(parts), input.batch_sizes)
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
            return outputs[0], self.join_parts([part[:, 0] for part in last])
        return outputs if self.batch_first else outputs.transpose(
            0, 1
        ).contiguous(), self.join_parts(last)

    def forward_packed(self, input: PackedSequence, hx: Any) -> tuple[Any, Any]:
        """A PackedSequence in and out; the state in the caller's order, as in torch.nn."""
        parts = self.parts(hx, input.data, int(input.batch_sizes[0]))
        run = self.runner(
            input.data[None].expand(parts[0].shape[1], -1, -1), parts, len(input.batch_sizes)
        )
        if run is None:
            return super().forward(input, hx)
        x, counts = pad_packed_sequence(
            PackedSequence(input.data, input.batch_sizes), batch_first=True
        )
        lengths = check_lengths(counts, x)
        if hx is not None and input.sorted_indices is not None:
            parts = tuple(part.index_select(1, input.sorted_indices) for part in parts)
        outputs, last = self.run_layers(run, x, parts, lengths)
        full = torch.full((x.shape[0],), x.shape[1]) if lengths is None else lengths
        data = pack_padded_sequence(outputs, full, batch_first=True).data
        if input.unsorted_indices is not None:
            last = tuple(part.index_select(1, input.unsorted_indices) for part in last)
        return PackedSequence(data, *input[1:]), self.join_parts(last)

    def forward_padded(
        self, input: Tensor, hx: Any, lengths: Tensor | Sequence[int]
    ) -> tuple[Tensor, Any]:
        """A padded batch with `lengths`: [B, T, D], or [T, B, D] unless `batch_first`."""
        if isinstance(input, PackedSequence):
            raise ValueError("lengths must not be given with a PackedSequence, which has its own")
        if input.dim() != 3:
            raise ValueError(
                f"lengths needs a padded batch of 3 dimensions as input; got {input.dim()}"
            )
        x = input if self.batch_first else input.transpose(0, 1)
        counts = check_lengths(lengths, x)
        parts = self.parts(hx, x, x.shape[0])
        self.check_forward_args(input, self.join_parts(parts), None)
        if counts is not None:  # so that NaN in the padding stays there
            x = x.masked_fill(~padding_mask(counts, x.shape[1], x.device)[..., None], 0)
        run = self.runner(x, parts)
        outputs, last = (
            self.run_layers(run, x, parts, counts) if run else self.run_packed(x, parts, counts)
        )
        return outputs if self.batch_first else outputs.transpose(
            0, 1
        ).contiguous(), self.join_parts(last)

    def is_short(self, input: Tensor) -> bool:
        """Whether there are so few steps, as in streaming, that torch's own forward is faster."""
        time = 0 if input.dim() == 2 or not self.batch_first else 1
        return input.dim() > time and input.shape[time] < FEWEST_STEPS and not wants_reference()

    def runner(self, x: Tensor, parts: Parts, steps: int | None = None) -> Callable | None:
        """What runs the layers: a kernel or the reference; None: torch's own forward."""
        if is_recorded():
            return None
        if wants_reference():
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
        """torch's own forward on the rows that have any steps; the others keep their state."""
        full = torch.full((x.shape[0],), x.shape[1]) if lengths is None else lengths
        rows = full.nonzero()[:, 0].to(x.device)
        if not len(rows):
            return x.new_zeros(
                *x.shape[:2], self.widths[0] * (2 if self.bidirectional else 1)
            ), parts
        packed = pack_padded_sequence(
            x[rows], full[full > 0], batch_first=True, enforce_sorted=False
        )
        outputs, last = super().forward(packed, self.join_parts([part[:, rows] for part in parts]))
        outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])
        last = last if isinstance(last, tuple) else (last,)
        if len(rows) == len(full):
            return outputs, last
        everything = outputs.new_zeros(len(full), *outputs.shape[1:]).index_copy(0, rows, outputs)
        kept = [
            old.to(new.dtype) for old, new in zip(parts, last, strict=True)
        ]  # autocast: another dtype
        return everything, tuple(
            old.index_copy(1, rows, new) for old, new in zip(kept, last, strict=True)
        )

    def run_layers(
        self, run: Callable, x: Tensor, parts: Parts, lengths: Tensor | None
    ) -> tuple[Tensor, Parts]:
        """Every layer and direction, by `run(cell, x, state, lengths, reverse=...)`."""
        directions = 2 if self.bidirectional else 1
        last = []
        for layer in range(self.num_layers):
            if layer:
                x = nn.functional.dropout(x, self.dropout, self.training)
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
        """Layer and direction `row` as one of `ostinato.cells`, around the module's weights."""
        each = len(self._flat_weights) // self.rows
        # torch allows None here for modules that are being built
        weights = cast(list[Tensor], self._flat_weights[row * each : (row + 1) * each])
        return build_cell_around(self.mode, weights, bias=self.bias, training=self.training)

    @property
    def rows(self) -> int:
        """Layers times directions."""
        return self.num_layers * (2 if self.bidirectional else 1)

    @property
    def widths(self) -> tuple[int, ...]:
        """Of each part of the state: (O,), or (O, H) for an LSTM; O is H unless projected."""
        output = self.proj_size or self.hidden_size
        return (output, self.hidden_size) if self.mode == "LSTM" else (output,)

    def parts(self, hx: Any, x: Tensor, batch: int) -> Parts:
        """hx as (h,) or (h, c), each [R, B, size]; zeros for `batch` rows if None."""
        if hx is not None:
            return tuple(hx) if self.mode == "LSTM" else (hx,)
        return tuple(x.new_zeros(self.rows, batch, width) for width in self.widths)

    def join_parts(self, parts: Sequence[Tensor]) -> Any:
        """(h,) -> h, (h, c) -> (h, c): torch's form of the state."""
        return tuple(parts) if self.mode == "LSTM" else parts[0]

    def is_well_formed(self, input: Any, hx: Any) -> bool:
        """Whether torch.nn would accept the arguments; if not, its forward raises its own error."""
        packed = isinstance(input, PackedSequence)
        data, weight = (input.data if packed else input), cast(Tensor, self._flat_weights[0])
        if (
            not isinstance(data, Tensor)
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

    output, (h_n, c_n) = ostinato.nn.LSTM(8, 16, proj_size=4, batch_first=True)(x, lengths=[5,
    3])"""
