"""Views of torch.nn's layers as ostinato's cells, with shared weights, and when those run.

Letters: B batch, T time, D input, H hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from ostinato import cells
from ostinato.cells.cell import Cell, scan
from ostinato.kernels.availability import switched_off
from ostinato.kernels.precision import why_not_autocast
from ostinato.padding import reverse as reversed_rows

Parts = tuple[Tensor, ...]  # (h,) or (h, c): [R, B, H] for a layer, [B, H] for a cell


# without memory: they are only copied, around the weights of a module
with torch.device("meta"):
    PATTERNS: dict[str, Cell] = {
        "RNN_TANH": cells.RNN(1, 1, activation="tanh"),
        "RNN_RELU": cells.RNN(1, 1, activation="relu"),
        "GRU": cells.GRU(1, 1),
        "LSTM": cells.LSTM(1, 1),
        "LSTM projected": cells.LSTM(1, 2, output_size=1),
    }


Copied = TypeVar("Copied", bound=nn.Module)


def around(
    module: Copied, children: Mapping[str, nn.Module | None], **tensors: Tensor | None
) -> Copied:
    """A copy of `module` with other tensors, parameters or not, and other children."""
    new = object.__new__(type(module))
    vars(new).update(vars(module), _parameters=tensors, _modules=children)
    return new


def cell_around(mode: str, weights: Sequence[Tensor], *, bias: bool, training: bool) -> Cell:
    """One of `ostinato.cells` with the tensors of one layer and direction of a torch.nn layer.

    Args:
        mode: torch's: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU"
        weights: W_ih, W_hh, with `bias` b_ih, b_hh, and of a projected LSTM W_hr
        bias: whether there are biases
        training: as of any module
    """
    biases = (weights[2], weights[3]) if bias else (None, None)
    projected = len(weights) > (4 if bias else 2)
    pattern = PATTERNS[f"{mode} projected" if projected else mode]
    children: dict[str, nn.Module | None] = pattern._modules | {
        "from_input": around(pattern.from_input, {}, weight=weights[0], bias=biases[0]),
        "from_hidden": around(pattern.from_hidden, {}, weight=weights[1], bias=biases[1]),
    }
    if projected:
        to_output = pattern._modules["to_output"]
        assert to_output is not None
        children["to_output"] = around(to_output, {}, weight=weights[-1], bias=None)
    cell = around(pattern, children)
    rows, input_size = weights[0].shape
    sizes = {
        "input_size": input_size,
        "hidden_size": rows // pattern.gates,
        "output_size": weights[1].shape[1],
    }
    vars(cell).update(sizes, training=training)
    return cell


def reference_wanted() -> bool:
    """Whether the reference loop must run: kernels are disabled, or a torch.func transform."""
    return bool(switched_off()) or torch._C._functorch.peek_interpreter_stack() is not None


def torch_must_run() -> bool:
    """Whether the call is compiled, exported or traced, or under autocast to another dtype than
    bfloat16."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing() or why_not_autocast() is not None


def reference(
    cell: Cell, x: Tensor, state: Parts, lengths: Tensor | None, *, reverse: bool
) -> tuple[Tensor, Parts]:
    """The cell's steps one by one; with `reverse`, from each row's last real step to its first."""
    if not reverse:
        return scan(cell, x, state, lengths)
    outputs, last = scan(cell, reversed_rows(x, lengths), state, lengths)
    return reversed_rows(outputs, lengths), last
