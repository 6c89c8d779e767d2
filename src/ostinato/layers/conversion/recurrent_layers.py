"""Weights of ostinato's cells and recurrent layers, to and from Weights and stacks."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato import cells
from ostinato.cells.rnn import ACTIVATIONS
from ostinato.errors import InputError
from ostinato.layers.conversion.layouts import read_weights, to_tensor, write_weights
from ostinato.layers.conversion.weights import PEEPHOLES, Stack, Weights, check_stack
from ostinato.layers.recurrent import Recurrent

CELLS: dict[str, tuple[type[cells.Cell], ...]] = {
    "rnn": (cells.RNN,),
    "lstm": (cells.LSTM, cells.PeepholeLSTM),
    "gru": (cells.GRU,),
    "gru-reset-before": (cells.GRUResetBefore,),
}


def from_cell(cell: cells.Cell) -> Weights:
    """One of `ostinato.cells`' RNN, LSTM, PeepholeLSTM, GRU or GRUResetBefore -> Weights.

    Raises:
        InputError: A cell, or an activation, that no other convention has.
    """
    kind = next((kind for kind, classes in CELLS.items() if type(cell) in classes), None)
    if kind is None or cell.from_hidden is None:
        raise InputError(f"{type(cell).__name__} is a formula that no other convention has")
    activation, peepholes, projection = "tanh", None, None
    if isinstance(cell, cells.RNN):
        known = {function: name for name, function in ACTIVATIONS.items()}
        if cell.g not in known:
            raise InputError(
                f"the cell's activation must be one of {', '.join(ACTIVATIONS)}; it is {cell.g}"
            )
        activation = known[cell.g]
    if isinstance(cell, cells.PeepholeLSTM):
        peepholes = dict(zip(PEEPHOLES, to_tensor(cell.peepholes), strict=True))
    if isinstance(cell, cells.LSTM) and cell.output_size != cell.hidden_size:
        projection = to_tensor(cell.to_output.get_parameter("weight"))
    into, back = cell.from_input, cell.from_hidden
    return read_weights(
        "ostinato",
        kind,
        into.weight,
        back.weight,
        into.bias,
        back.bias,
        activation=activation,
        peepholes=peepholes,
        projection=projection,
    )


def to_cell(weights: Weights) -> cells.Cell:
    """Weights -> the cell of `ostinato.cells` that computes the same."""
    w, u, biases = write_weights("ostinato", weights, peepholes=True, projection=True)
    cls = CELLS[weights.kind][weights.peepholes is not None]
    options: dict[str, object] = {"bias": bool(biases)}
    if weights.kind == "rnn":
        options["activation"] = weights.activation
    if weights.projection is not None:
        options["output_size"] = weights.output_size
    cell = cls(weights.input_size, weights.hidden_size, **options)  # type: ignore[arg-type]
    found: dict[str, Tensor] = {"from_input.weight": w, "from_hidden.weight": u}
    found |= dict(zip(("from_input.bias", "from_hidden.bias"), biases, strict=False))
    if weights.peepholes is not None:
        found["peepholes"] = torch.stack([weights.peepholes[gate] for gate in PEEPHOLES])
    if weights.projection is not None:
        found["to_output.weight"] = weights.projection
    cell.to(w).load_state_dict(found)
    return cell


def from_recurrent(recurrent: Recurrent, *, merge: str = "concat") -> Stack:
    """A `Recurrent` -> a stack.

    Args:
        recurrent: The layer, or layers.
        merge: The layer's own merge. Weights do not say how directions are merged, and most
            libraries concatenate: a layer that merges otherwise is read only if the caller says
            that it knows.

    Raises:
        InputError: Another merge, or a layer with residual, pre_norm, zoneout or a learned initial
            state, which change what it computes and are not among the weights of a cell.
    """
    each = recurrent.directions
    if each == 2 and recurrent.merge != merge:
        raise InputError(
            f"only merge={merge!r} is read; this layer has merge={recurrent.merge!r}: "
            f"from_recurrent(..., merge={recurrent.merge!r}) reads it, to be merged so elsewhere"
        )
    if recurrent.norms or recurrent.residual:
        raise InputError(
            "only plainly stacked layers exist elsewhere; this one has residual or pre_norm"
        )
    if len(recurrent.first) or any(recurrent.regularisation["zoneout"]):
        raise InputError(
            "learned_initial_state and zoneout exist nowhere else; this layer has one of them"
        )
    found = [from_cell(cell) for cell in recurrent.typed_cells]
    return [tuple(found[row : row + each]) for row in range(0, len(found), each)]


def to_recurrent(stack: Stack, *, merge: str = "concat") -> Recurrent:
    """A stack -> a `Recurrent` that computes the same.

    Args:
        stack: The layers.
        merge: How the outputs of two directions are merged; see Recurrent.
    """
    check_stack(stack, directions_join=merge == "concat")
    made = iter([to_cell(weights) for layer in stack for weights in layer])
    sizes = [layer[0].hidden_size for layer in stack]
    return Recurrent(
        lambda input_size, hidden_size: next(made),
        stack[0][0].input_size,
        sizes,
        layers=len(stack),
        bidirectional=len(stack[0]) == 2,
        merge=merge,
    )
