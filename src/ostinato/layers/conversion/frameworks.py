"""Recurrent weights of PyTorch, Keras and ONNX, and of Ostinato's own cells and layers, read and written.

A *layer* is a tuple of one or two `Weights` (forward, backward), a *stack* a list of layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ostinato import cells
from ostinato.cells.rnn import ACTIVATIONS
from ostinato.layers.conversion.layouts import Array, array, read, tensor, written
from ostinato.layers.conversion.weights import PEEPHOLES, Weights, join, split
from ostinato.layers.drop_in import torch_style
from ostinato.layers.recurrent import Recurrent

Layer = tuple[Weights, ...]  # (forward,) or (forward, backward)
Stack = list[Layer]
CELLS = {
    "rnn": (cells.RNN,),
    "lstm": (cells.LSTM, cells.PeepholeLSTM),
    "gru": (cells.GRU,),
    "gru-reset-before": (cells.GRUResetBefore,),
}


# PyTorch


def from_torch(module: nn.Module) -> Stack:
    """torch.nn's or ostinato.nn's RNN, GRU, LSTM or one of their cells -> a stack; parametrized weights as they are."""
    if isinstance(module, nn.RNNCellBase):
        names = ["weight_ih", "weight_hh"] + ["bias_ih", "bias_hh"] * module.bias
        kind = {nn.RNNCell: "rnn", nn.LSTMCell: "lstm", nn.GRUCell: "gru"}
        kind = next(kind for cls, kind in kind.items() if isinstance(module, cls))
        more = {"activation": module.nonlinearity} if kind == "rnn" else {}
        return [(read("torch", kind, *(getattr(module, name) for name in names), **more),)]
    if not isinstance(module, nn.RNN | nn.GRU | nn.LSTM):
        raise ValueError(
            f"module must be a torch.nn RNN, GRU, LSTM or a cell of these; got {type(module).__name__}"
        )
    kind, _, activation = module.mode.lower().partition("_")
    directions = []
    for names in module._all_weights:
        tensors = [getattr(module, name) for name in names]
        more = {"projection": tensor(tensors.pop())} if module.proj_size else {}
        directions.append(read("torch", kind, *tensors, activation=activation or "tanh", **more))
    each = 2 if module.bidirectional else 1
    return [tuple(directions[row : row + each]) for row in range(0, len(directions), each)]


def to_torch(stack: Stack) -> dict[str, Tensor]:
    """A stack -> the `state_dict` of torch.nn's and ostinato.nn's RNN, GRU or LSTM."""
    found = {}
    for number, layer in enumerate(stack):
        for weights, suffix in zip(layer, ("", "_reverse"), strict=False):
            w, u, biases = written("torch", weights, projection=True)
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            found |= {
                f"{name}_l{number}{suffix}": t
                for name, t in zip(names, (w, u, *biases), strict=False)
            }
            if weights.projection is not None:
                found[f"weight_hr_l{number}{suffix}"] = weights.projection.clone()
    return found


def to_nn(stack: Stack, *, batch_first: bool = True) -> nn.Module:
    """A stack -> the RNN, GRU or LSTM of `ostinato.nn` with these weights."""
    found, first = to_torch(stack), stack[0][0]
    options = {"nonlinearity": first.activation} if first.kind == "rnn" else {}
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


# Ostinato's own cells and layers


def from_cell(cell: cells.Cell) -> Weights:
    """One of `ostinato.cells`' RNN, LSTM, PeepholeLSTM, GRU or GRUResetBefore -> Weights."""
    kind = next((kind for kind, classes in CELLS.items() if type(cell) in classes), None)
    if kind is None:
        raise ValueError(f"{type(cell).__name__} is a formula that no other convention has")
    more = {}
    if kind == "rnn":
        more["activation"] = next(
            (name for name, function in ACTIVATIONS.items() if function is cell.g), ""
        )
        if not more["activation"]:
            raise ValueError(
                f"the cell's activation must be one of {', '.join(ACTIVATIONS)}; it is {cell.g}"
            )
    if isinstance(cell, cells.PeepholeLSTM):
        more["peepholes"] = dict(zip(PEEPHOLES, tensor(cell.peepholes), strict=True))
    if cell.output_size != cell.hidden_size:
        more["projection"] = tensor(cell.to_output.weight)
    into, back = cell.from_input, cell.from_hidden
    return read("ostinato", kind, into.weight, back.weight, into.bias, back.bias, **more)


def to_cell(weights: Weights) -> cells.Cell:
    """Weights -> the cell of `ostinato.cells` that computes the same."""
    w, u, biases = written("ostinato", weights, peepholes=True, projection=True)
    cls = CELLS[weights.kind][weights.peepholes is not None]
    options = {"activation": weights.activation} if weights.kind == "rnn" else {}
    if weights.projection is not None:
        options["output_size"] = weights.output_size
    cell = cls(weights.input_size, weights.hidden_size, bias=bool(biases), **options)
    found = {"from_input.weight": w, "from_hidden.weight": u}
    found |= dict(zip(("from_input.bias", "from_hidden.bias"), biases, strict=False))
    if weights.peepholes is not None:
        found["peepholes"] = torch.stack([weights.peepholes[gate] for gate in PEEPHOLES])
    if weights.projection is not None:
        found["to_output.weight"] = weights.projection
    cell.to(w).load_state_dict(found)
    return cell


def from_recurrent(recurrent: Recurrent) -> Stack:
    """A `Recurrent` whose directions are concatenated -> a stack."""
    each = recurrent.directions
    if each == 2 and recurrent.merge != "concat":
        raise ValueError(
            f"only merge='concat' exists elsewhere; this layer has merge={recurrent.merge!r}"
        )
    if recurrent.norms or recurrent.residual:
        raise ValueError(
            "only layers that stand one on the other exist elsewhere; this one has residual or pre_norm"
        )
    found = [from_cell(cell) for cell in recurrent.cells]
    return [tuple(found[row : row + each]) for row in range(0, len(found), each)]


def to_recurrent(stack: Stack) -> Recurrent:
    """A stack -> a `Recurrent` that computes the same."""
    made = iter([to_cell(weights) for layer in stack for weights in layer])
    sizes = [layer[0].hidden_size for layer in stack]
    return Recurrent(
        lambda input_size, hidden_size: next(made),
        stack[0][0].input_size,
        sizes,
        layers=len(stack),
        bidirectional=len(stack[0]) == 2,
    )


# Keras


def from_keras(
    arrays: Sequence[Array], *, kind: str, reset_after: bool | None = None, activation: str = "tanh"
) -> Layer:
    """`layer.get_weights()` of a Keras SimpleRNN ("rnn"), LSTM ("lstm"), GRU ("gru") or of a Bidirectional -> a layer.

    `reset_after` is the GRU's; it need only be said if there is no bias, whose shape tells otherwise."""
    if len(arrays) not in (2, 3, 4, 6):
        raise ValueError(
            f"arrays must be kernel, recurrent kernel and perhaps bias, once or twice; got {len(arrays)}"
        )
    if len(arrays) > 3:
        half = len(arrays) // 2
        parts = (arrays[:half], arrays[half:])
        return tuple(
            from_keras(p, kind=kind, reset_after=reset_after, activation=activation)[0]
            for p in parts
        )
    biases = [] if len(arrays) == 2 else list(np.atleast_2d(arrays[2]))
    if kind == "gru":
        known = None if not biases else len(biases) == 2
        if reset_after is None and known is None:
            raise ValueError(
                "reset_after must be said for a Keras GRU without bias: layer.reset_after"
            )
        if None not in (reset_after, known) and reset_after != known:
            raise ValueError(
                f"reset_after={reset_after} does not go with a bias of shape {list(np.shape(arrays[2]))}"
            )
        kind = "gru" if (known if reset_after is None else reset_after) else "gru-reset-before"
    return (read("keras", kind, *arrays[:2], *biases, activation=activation),)


def from_keras_layer(layer) -> Layer:
    """A built Keras SimpleRNN, LSTM, GRU, or a Bidirectional of one -> a layer. Unusual activations are refused."""
    config = layer.get_config()
    if type(layer).__name__ == "Bidirectional":
        config = config["layer"]["config"]
        name = type(layer.forward_layer).__name__
    else:
        name = type(layer).__name__
    kinds = {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru"}
    if name not in kinds:
        raise ValueError(
            f"layer must be a Keras SimpleRNN, LSTM, GRU or a Bidirectional of one; got {name}"
        )
    activation = config["activation"]
    usual = ("tanh", "relu", "sigmoid") if name == "SimpleRNN" else ("tanh",)
    if activation not in usual or config.get("recurrent_activation", "sigmoid") != "sigmoid":
        got = f"{activation} and {config.get('recurrent_activation')}"
        raise ValueError(
            f"the {name}'s activations must be {' or '.join(usual)}, and sigmoid for gates; got {got}"
        )
    if config.get("go_backwards"):
        raise ValueError(f"the {name} goes backwards; turn its input round and clear go_backwards")
    return from_keras(
        layer.get_weights(),
        kind=kinds[name],
        reset_after=config.get("reset_after"),
        activation=activation,
    )


def to_keras(layer: Layer) -> list[np.ndarray]:
    """A layer -> what `set_weights` of Keras's SimpleRNN, LSTM, GRU (or, for two directions, Bidirectional) takes."""
    found = []
    for weights in layer:
        w, u, biases = written("keras", weights)
        found += [array(w), array(u)]
        if biases:
            found.append(array(torch.stack(biases) if len(biases) == 2 else biases[0]))
    return found


# ONNX


def from_onnx(
    kind: str,
    w: Array,
    r: Array,
    b: Array | None = None,
    p: Array | None = None,
    *,
    linear_before_reset: int = 0,
    activations: Sequence[str] | None = None,
    input_forget: int = 0,
    clip: float | None = None,
) -> Layer:
    """An ONNX node's W [directions, gates H, D], R, B [directions, 2 gates H], P [directions, 3 H] -> a layer.

    `kind` is its operator, "rnn", "lstm" or "gru"; the rest are the attributes that change what it computes."""
    kind = kind.lower()
    if input_forget or clip is not None:
        name = "input_forget" if input_forget else "clip"
        raise ValueError(f"ONNX's {name} changes the formula; no cell here has it")
    usual = {"rnn": ["tanh"], "lstm": ["sigmoid", "tanh", "tanh"], "gru": ["sigmoid", "tanh"]}
    if kind not in usual:
        raise ValueError(f"kind must be the node's operator, rnn, lstm or gru; got {kind!r}")
    directions = len(w)
    given = [name.lower() for name in activations] if activations else usual[kind] * directions
    activation = given[0] if kind == "rnn" else "tanh"
    expected = (given[:1] if kind == "rnn" else usual[kind]) * directions
    if activation not in ("tanh", "relu", "sigmoid") or given != expected:
        raise ValueError(f"activations must be the usual ones, {usual[kind]}; got {given}")
    if kind == "gru" and not linear_before_reset:
        kind = "gru-reset-before"
    found = []
    for number in range(directions):
        biases = () if b is None else tensor(b[number]).chunk(2)
        peepholes = (
            None if p is None else split("P", tensor(p[number]), ("input", "output", "forget"))
        )
        found.append(
            read(
                "onnx",
                kind,
                w[number],
                r[number],
                *biases,
                peepholes=peepholes,
                activation=activation,
            )
        )
    return tuple(found)


def to_onnx(layer: Layer) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """A layer -> (inputs W, R and, where there are any, B and P; attributes hidden_size, direction, ...)."""
    parts = [written("onnx", weights, peepholes=True) for weights in layer]
    found = {
        "W": torch.stack([part[0] for part in parts]),
        "R": torch.stack([part[1] for part in parts]),
    }
    if any(part[2] for part in parts):
        size = found["W"].shape[1] * 2
        found["B"] = torch.stack(
            [torch.cat(part[2]) if part[2] else part[0].new_zeros(size) for part in parts]
        )
    if any(weights.peepholes for weights in layer):
        zeros = {
            gate: layer[0].input["input"].new_zeros(layer[0].hidden_size) for gate in PEEPHOLES
        }
        order = ("input", "output", "forget")
        found["P"] = torch.stack([join(weights.peepholes or zeros, order) for weights in layer])
    first = layer[0]
    attributes = {
        "hidden_size": first.hidden_size,
        "direction": "forward" if len(layer) == 1 else "bidirectional",
    }
    if first.kind.startswith("gru"):
        attributes["linear_before_reset"] = int(first.kind == "gru")
    if first.kind == "rnn":
        attributes["activations"] = [weights.activation.capitalize() for weights in layer]
    return {name: array(value) for name, value in found.items()}, attributes
