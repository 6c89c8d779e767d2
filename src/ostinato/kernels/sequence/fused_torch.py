"""torch's own fused LSTM, GRU and RNN (oneDNN, cuDNN), where they compute the cell's function."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ostinato.kernels import bindings
from ostinato.kernels.kernel_cell import KernelCell, State, dropout_mask, output_projection

FUNCTIONS: dict[str, Any] = {  # torch has no stubs for _VF
    "lstm": torch._VF.lstm,
    "lstm-projected": torch._VF.lstm,
    "gru": torch._VF.gru,
    "rnn-tanh": torch._VF.rnn_tanh,
    "rnn-relu": torch._VF.rnn_relu,
}


def why_not(cell: KernelCell, x: Tensor) -> str | None:
    """Why `run` would not compute this cell's function on these inputs, or None if it would."""
    if cell.kernel_name not in FUNCTIONS:
        return f"torch has no fused {type(cell).__name__} of this formula"
    if cell.zoneout or dropout_mask(cell) is not None:
        return "torch has no dropout inside the recurrence"
    if x.numel() == 0:
        return "there is nothing to run"
    if not torch.compiler.is_compiling() and bindings.has_own_dispatch(x):
        return f"it is not written for a {type(x).__name__}"
    if x.dtype != cell.from_input.weight.dtype:
        return f"inputs are {x.dtype}, weights {cell.from_input.weight.dtype}"
    if cell.kernel_name == "lstm-projected" and cell.output_size >= cell.hidden_size:
        return "torch projects only to fewer units"
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return "a torch.func transform is at work"
    return None


def flat_weights(cell: KernelCell) -> list[Tensor]:
    """W_ih, W_hh; b_ih and b_hh if there is one (the other is zero); W_hr of a projection."""
    weights = [cell.from_input.weight, cell.from_hidden.weight]
    biases = [cell.from_input.bias, cell.from_hidden.bias]
    if has_bias(cell):
        zero = weights[0].new_zeros(weights[0].shape[0])
        weights += [zero if bias is None else bias for bias in biases]
    return weights + (
        [output_projection(cell).weight] if cell.kernel_name == "lstm-projected" else []
    )


def has_bias(cell: KernelCell) -> bool:
    return cell.from_input.bias is not None or cell.from_hidden.bias is not None


def run_fused(
    cell: KernelCell, x: Tensor, state: State, lengths: Tensor | None
) -> tuple[Tensor, State]:
    """(x [B, T, D], state, lengths [B]) -> (outputs [B, T, H], state), as the reference scan."""
    function, weights = FUNCTIONS[cell.kernel_name or ""], flat_weights(cell)
    first = tuple(part[None].contiguous() for part in state)
    hidden = first if len(first) > 1 else first[0]
    rest = (has_bias(cell), 1, 0.0, cell.training, False)
    if lengths is None or cell.kernel_name in ("gru", "rnn-tanh"):
        outputs, *last = function(x, hidden, weights, *rest, True)
        if lengths is None:
            return outputs, tuple(part[0] for part in last)
        return clip(outputs, state, lengths)
    # the memory cell is not among the outputs, and relu may overflow: rows must stop in time
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        x, lengths.clamp(min=1), batch_first=True, enforce_sorted=False
    )
    order, inverse = packed.sorted_indices, packed.unsorted_indices
    assert order is not None and inverse is not None  # enforce_sorted=False makes both
    sorted_first = tuple(part.index_select(1, order) for part in first)
    hidden = sorted_first if len(first) > 1 else sorted_first[0]
    data, *last = function(packed.data, packed.batch_sizes, hidden, weights, *rest)
    packed = torch.nn.utils.rnn.PackedSequence(data, packed.batch_sizes, order, inverse)
    outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(
        packed, batch_first=True, total_length=x.shape[1]
    )
    last = [part[0].index_select(0, inverse) for part in last]
    ran = (lengths > 0).to(x.device)[:, None]
    state = tuple(torch.where(ran, new, old) for new, old in zip(last, state, strict=True))
    return torch.where(ran[:, None], outputs, 0), state


def clip(outputs: Tensor, state: State, lengths: Tensor) -> tuple[Tensor, tuple[Tensor]]:
    """Outputs [B, T, H] with zero in the padding, and the state at each row's last real step."""
    lengths = lengths.to(outputs.device)[:, None]
    real = torch.arange(outputs.shape[1], device=outputs.device) < lengths
    index = (lengths - 1).clamp(min=0)[..., None].expand(-1, -1, outputs.shape[2])
    last = outputs.gather(1, index)[:, 0]
    return torch.where(real[..., None], outputs, 0), (torch.where(lengths > 0, last, state[0]),)
