"""Checks of a recurrent layer's options and inputs, before anything is computed.

Each message names the argument, what was expected and what was given.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch
from torch import Tensor

from ostinato.cells.cell import Cell, CellType
from ostinato.cells.rnn import Activation
from ostinato.cells.state import State


def check_inputs(x: Tensor, input_size: int, weight: Tensor) -> None:
    """Raises ValueError unless x is [B, T, D], of the weights' dtype and device."""
    if not isinstance(x, Tensor):
        raise ValueError(f"x must be a tensor [B, T, {input_size}]; got {type(x).__name__}")
    if x.dim() != 3 or x.shape[2] != input_size:
        raise ValueError(f"x must be [B, T, {input_size}]; got {list(x.shape)}")
    check_kind("x", x, weight)


def check_kind(name: str, given: Tensor, expected: Tensor) -> None:
    """Raises ValueError for another device, or another dtype unless autocast is on."""
    if given.dtype != expected.dtype and not torch.is_autocast_enabled(given.device.type):
        raise ValueError(f"{name} must be {expected.dtype}, as the weights are; got {given.dtype}")
    if given.device != expected.device:
        raise ValueError(
            f"{name} must be on {expected.device}, as the weights are; got {given.device}"
        )


def check_lengths(lengths: Tensor | Sequence[int] | None, x: Tensor) -> Tensor | None:
    """lengths [B] from 0 to T -> the same as int64 on the CPU; None if every row is full.

    Raises:
        ValueError: No whole numbers, another shape, or outside this range.
    """
    if lengths is None:
        return None
    lengths = torch.as_tensor(lengths)
    if lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool:
        raise ValueError(f"lengths must be whole numbers; got {lengths.dtype}")
    rows, steps = x.shape[:2]
    if lengths.shape != (rows,):
        raise ValueError(
            f"lengths must be [{rows}], one for each row of x; got {list(lengths.shape)}"
        )
    lengths = lengths.to("cpu", torch.int64)
    if rows and (lengths.min() < 0 or lengths.max() > steps):
        raise ValueError(
            f"lengths must lie between 0 and {steps}, the steps of x; got {lengths.tolist()}"
        )
    return None if (lengths == steps).all() else lengths


def check_state(state: State, cells: Iterable[Cell], x: Tensor) -> State:
    """The state as a tuple of one cell state for each layer and direction, checked.

    Raises:
        ValueError: Another number of parts, another shape, dtype or device.
    """
    cells = list(cells)
    if not isinstance(state, tuple | list) or len(state) != len(cells):
        what = f"{len(state)} parts" if isinstance(state, tuple | list) else type(state).__name__
        raise ValueError(
            f"state must be a tuple of {len(cells)}, one for each layer and direction; got {what}"
        )
    for number, (part, cell) in enumerate(zip(state, cells, strict=True)):
        expected = [[x.shape[0], size] for size in cell.sizes]
        got = (
            [list(tensor.shape) for tensor in part]
            if isinstance(part, tuple | list)
            else type(part).__name__
        )
        if got != expected:
            raise ValueError(
                f"state[{number}] must be a tuple of tensors of shapes {expected}; got {got}"
            )
        for index, tensor in enumerate(part):
            check_kind(f"state[{number}][{index}]", tensor, x)
    return tuple(state)


def build_cell(
    cell: CellType,
    input_size: int,
    hidden_size: int,
    activation: Activation | None = None,
) -> Cell:
    """A cell of these sizes and, unless None, this activation.

    Raises:
        ValueError: `cell` is a name, a layer of torch.nn or the like, or has no activation where
            one is given.
    """
    if activation is not None and callable(cell):
        name = getattr(cell, "__name__", type(cell).__name__)
        if "activation" not in inspect.signature(cell).parameters:
            raise ValueError(
                f"activation is for cells that have one, such as RNN; {name} has none; got "
                f"{activation!r}"
            )
        build: Callable[..., Cell] = cell
        cell = partial(build, activation=activation)
    new = cell(input_size, hidden_size) if callable(cell) else cell
    if not isinstance(new, Cell):
        got = (
            repr(cell) if isinstance(cell, str) else getattr(cell, "__name__", type(cell).__name__)
        )
        raise ValueError(
            "cell must be a Cell class, or a function of two sizes that gives a Cell, such as "
            f"CELLS['lstm']; got {got}"
        )
    return new


def list_hidden_sizes(hidden_size: int | Sequence[int], layers: int) -> list[int]:
    """list_hidden_sizes(8, 2) -> [8, 8]; list_hidden_sizes([8, 4], 2) -> [8, 4]"""
    if not isinstance(layers, int) or layers < 1:
        raise ValueError(f"layers must be a positive whole number; got {layers!r}")
    sizes = [hidden_size] * layers if isinstance(hidden_size, int) else list(hidden_size)
    if len(sizes) != layers:
        raise ValueError(
            f"hidden_size must be one number or one for each of the {layers} layers; got "
            f"{hidden_size}"
        )
    return sizes


def check_widths(widths: Sequence[int], *, residual: bool) -> None:
    """Raises ValueError where a residual layer would add inputs and outputs of unequal size.

    Args:
        widths: Of what each layer reads, and of the last outputs.
        residual: Whether each layer but the first adds its inputs to its outputs.
    """
    for before, after in zip(widths[1:], widths[2:], strict=False):
        if residual and before != after:
            raise ValueError(
                f"residual needs layers of equal output size; got {before} before {after}"
            )


def check_options(
    cells: Iterable[Cell],
    dropout: float,
    *,
    recurrent_dropout: float,
    weight_drop: float,
    zoneout: tuple[float, ...],
) -> None:
    """Raises ValueError unless rates are from 0 to below 1, and what they apply to exists."""
    cells = list(cells)
    rates = {"dropout": dropout, "recurrent_dropout": recurrent_dropout, "weight_drop": weight_drop}
    for name, rate in [*rates.items(), *(("zoneout", rate) for rate in zoneout)]:
        if not 0 <= rate < 1:
            raise ValueError(f"{name} must be at least 0 and below 1; got {rate}")
    if len(zoneout) != cells[0].parts:
        raise ValueError(
            f"zoneout must be one number or one for each of {cells[0].part_names}; got {zoneout}"
        )
    for name in ("recurrent_dropout", "weight_drop"):
        if rates[name] and cells[0].from_hidden is None:
            raise ValueError(
                f"{name} needs a product with the hidden state, and {type(cells[0]).__name__} has "
                "none"
            )


def check_traced(x: Tensor, lengths: Tensor | None) -> None:
    """Raises ValueError for a mask in place of lengths, and for inputs without steps."""
    if isinstance(lengths, Tensor) and lengths.dtype == torch.bool:
        raise ValueError(
            "lengths must be [B] for a trace, with the padding on the right; got a mask"
        )
    if isinstance(x, Tensor) and x.dim() == 3 and x.shape[1] == 0:
        raise ValueError("x must have at least one step to be traced; got none")
