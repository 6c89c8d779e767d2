"""Weights of torch.nn's (and ostinato.nn's) recurrent layers, to and from stacks of Weights."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ostinato.errors import InputError
from ostinato.layers.conversion.layouts import read_weights, to_tensor, write_weights
from ostinato.layers.conversion.weights import Stack, Weights, check_alike, check_stack
from ostinato.layers.drop_in import torch_style

CELLS: dict[type[nn.RNNCellBase], str] = {nn.RNNCell: "rnn", nn.LSTMCell: "lstm", nn.GRUCell: "gru"}


def from_torch(module: nn.Module) -> Stack:
    """torch.nn's or ostinato.nn's RNN, GRU, LSTM, or one of their cells -> a stack.

    Parametrized weights are read as the module uses them.

    Raises:
        InputError: Another module, or a `state_dict`.
    """
    if isinstance(module, nn.RNNCellBase):
        return [(from_torch_cell(module),)]
    if not isinstance(module, nn.RNN | nn.GRU | nn.LSTM):
        raise InputError(
            "module must be a torch.nn RNN, GRU, LSTM or a cell of these; got "
            f"{type(module).__name__}"
        )
    kind, _, activation = module.mode.lower().partition("_")
    directions = []
    for names in module._all_weights:
        tensors = [getattr(module, name) for name in names]
        projection = to_tensor(tensors.pop()) if module.proj_size else None
        directions.append(
            read_weights(
                "torch", kind, *tensors, activation=activation or "tanh", projection=projection
            )
        )
    each = 2 if module.bidirectional else 1
    return [tuple(directions[row : row + each]) for row in range(0, len(directions), each)]


def from_torch_cell(module: nn.RNNCellBase) -> Weights:
    """torch.nn's or ostinato.nn's RNNCell, LSTMCell or GRUCell -> Weights."""
    kind = next(kind for cls, kind in CELLS.items() if isinstance(module, cls))
    names = ["weight_ih", "weight_hh"] + ["bias_ih", "bias_hh"] * module.bias
    activation = module.nonlinearity if isinstance(module, nn.RNNCell) else "tanh"
    tensors = [getattr(module, name) for name in names]
    return read_weights("torch", kind, *tensors, activation=activation)


def to_torch(stack: Stack) -> dict[str, Tensor]:
    """A stack -> the `state_dict` of torch.nn's and ostinato.nn's RNN, GRU or LSTM.

    Where only some directions have biases, the others get zeros: torch.nn has them everywhere or
    nowhere.

    Raises:
        InputError: Layers that differ in what torch.nn has once for all of them, or that it does
            not have at all.
    """
    check_stack(stack)
    every = [weights for layer in stack for weights in layer]
    check_alike(every, "torch.nn", "kind", "activation", "hidden_size", "output_size")
    arrays = [write_weights("torch", weights, projection=True) for weights in every]
    biased = any(biases for _, _, biases in arrays)
    found: dict[str, Tensor] = {}
    for index, (weights, (w, u, biases)) in enumerate(zip(every, arrays, strict=True)):
        number, backward = divmod(index, len(stack[0]))
        suffix = f"l{number}" + "_reverse" * backward
        tensors = {"weight_ih": w, "weight_hh": u}
        if biased:
            b, bu = biases or (w.new_zeros(len(w)), w.new_zeros(len(w)))
            tensors |= {"bias_ih": b, "bias_hh": bu}
        if weights.projection is not None:
            tensors["weight_hr"] = weights.projection.clone()
        found |= {f"{name}_{suffix}": tensor for name, tensor in tensors.items()}
    return found


def to_nn(stack: Stack, *, batch_first: bool = True) -> nn.Module:
    """A stack -> the RNN, GRU or LSTM of `ostinato.nn` with these weights.

    Args:
        stack: The layers.
        batch_first: As torch.nn's: whether the module takes [B, T, D] rather than [T, B, D].

    Raises:
        InputError: As `to_torch`.
    """
    found, first = to_torch(stack), stack[0][0]
    options: dict[str, Any] = {"nonlinearity": first.activation} if first.kind == "rnn" else {}
    if first.projection is not None:
        options["proj_size"] = first.output_size
    layer = getattr(torch_style, first.kind.upper())(
        first.input_size,
        first.hidden_size,
        len(stack),
        bias="bias_ih_l0" in found,
        batch_first=batch_first,
        bidirectional=len(stack[0]) == 2,
        dtype=found["weight_ih_l0"].dtype,
        **options,
    )
    layer.load_state_dict(found)
    return layer
