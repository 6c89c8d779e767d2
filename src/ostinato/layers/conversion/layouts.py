"""How libraries lay out recurrent weights: order of gates, transposition, number of biases.

The code that converts weights and the table in docs/conventions.md are both made from
`CONVENTIONS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ostinato.errors import InputError, nearest
from ostinato.layers.conversion.weights import (
    Blocks,
    Weights,
    add_biases,
    join,
    refuse,
    split,
    two_biases,
)

Array = np.ndarray | Tensor


@dataclass(frozen=True)
class Convention:
    """How one library or book writes a recurrent layer down.

    Attributes:
        title: Its name in tables and messages.
        gates: Kind -> its gates from the first block to the last.
        transposed: Whether matrices are [D, gates * H], for x W, rather than [gates * H, D], for W
            x.
        biases: Kind -> the number of biases of a gate.
        note: What else the table says of it.
        activations: The activations that its RNN can have.
    """

    title: str
    gates: Mapping[str, tuple[str, ...]]
    transposed: bool
    biases: Mapping[str, int]
    note: str = ""
    activations: tuple[str, ...] = ("tanh", "relu", "sigmoid")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of layers it has."""
        return tuple(self.gates)


RNN = ("hidden",)
IFGO = ("input", "forget", "candidate", "output")
RZN = ("reset", "update", "candidate")
ZRN = ("update", "reset", "candidate")

CONVENTIONS: dict[str, Convention] = {
    "torch": Convention(
        "PyTorch `torch.nn`, `ostinato.nn`",
        {"rnn": RNN, "lstm": IFGO, "gru": RZN},
        False,
        {"rnn": 2, "lstm": 2, "gru": 2},
        "`proj_size` (LSTM); no peepholes",
        activations=("tanh", "relu"),
    ),
    "ostinato": Convention(
        "`ostinato.cells`",
        {"rnn": RNN, "lstm": IFGO, "gru": RZN, "gru-reset-before": RZN},
        False,
        {"rnn": 1, "lstm": 1, "gru": 2, "gru-reset-before": 1},
    ),
    "keras": Convention(
        "Keras",
        {"rnn": RNN, "lstm": IFGO, "gru": ZRN, "gru-reset-before": ZRN},
        True,
        {"rnn": 1, "lstm": 1, "gru": 2, "gru-reset-before": 1},
        "`reset_after=True` (the default): bias [2, 3H]; `reset_after=False`: bias [3H]",
    ),
    "onnx": Convention(
        "ONNX",
        {
            "rnn": RNN,
            "lstm": ("input", "output", "forget", "candidate"),
            "gru": ZRN,
            "gru-reset-before": ZRN,
        },
        False,
        {"rnn": 2, "lstm": 2, "gru": 2, "gru-reset-before": 2},
        "`linear_before_reset=1` is reset after; directions stacked in front; peepholes P: input, "
        "output, forget",
    ),
    "cudnn": Convention(
        "cuDNN (linLayerID)",
        {"rnn": RNN, "lstm": IFGO, "gru": RZN},
        False,
        {"rnn": 2, "lstm": 2, "gru": 2},
        "input matrices first, then recurrent ones; LSTM projection: linLayerID 8",
        activations=("tanh", "relu"),
    ),
    "haste": Convention(
        "haste",
        {"lstm": ("input", "candidate", "forget", "output"), "gru": ZRN},
        True,
        {"lstm": 1, "gru": 2},
    ),
    "flashrnn": Convention(
        "FlashRNN",
        {"rnn": RNN, "lstm": IFGO, "gru": RZN},
        False,
        {"rnn": 1, "lstm": 1, "gru": 2},
        "R [gates, heads, H, H]; GRU: R in the order candidate, reset, update, bias candidate "
        "(inside the brackets), "
        "reset, update, candidate",
        activations=("tanh",),
    ),
}
SYMBOLS = {
    "lstm": {"input": "i", "forget": "f", "candidate": "g", "output": "o"},
    "gru": {"reset": "r", "update": "z", "candidate": "n"},
}


def table() -> str:
    """The conventions as the Markdown table of docs/conventions.md."""
    lines = [
        "| | LSTM gates | GRU gates | matrices | biases: RNN, LSTM, GRU | GRU's reset | more |",
        "|---|---|---|---|---|---|---|",
    ]
    for convention in CONVENTIONS.values():
        orders = [
            ", ".join(names[gate] for gate in convention.gates[kind])
            for kind, names in SYMBOLS.items()
        ]
        counts = [str(convention.biases.get(kind, "none")) for kind in ("rnn", "lstm", "gru")]
        before = convention.biases.get("gru-reset-before")
        if before is not None and before != convention.biases["gru"]:
            counts[2] += f" ({before} reset before)"
        counts = ["no RNN" if count == "none" else count for count in counts]
        matrices = "[D, gates H], x W" if convention.transposed else "[gates H, D], W x"
        reset = "after or before" if before else "after"
        cells = [convention.title, *orders, matrices, ", ".join(counts), reset, convention.note]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def to_tensor(array: Array) -> Tensor:
    """A copy of the values as a tensor, without a graph."""
    return (
        array.detach().clone() if isinstance(array, Tensor) else torch.from_numpy(np.array(array))
    )


def to_numpy(given: Tensor) -> np.ndarray:
    """The values as a NumPy array."""
    return given.detach().cpu().numpy()


def read_weights(
    name: str,
    kind: str,
    w: Array,
    u: Array,
    b: Array | None = None,
    bu: Array | None = None,
    *,
    activation: str = "tanh",
    peepholes: dict[str, Tensor] | None = None,
    projection: Tensor | None = None,
) -> Weights:
    """Arrays in one of the `CONVENTIONS` -> Weights.

    Args:
        name: The convention.
        kind: A key of `GATES`.
        w: The input matrix, [gates * H, D] or its transpose.
        u: The recurrent matrix, [gates * H, O] or its transpose.
        b: The bias [gates * H], or None.
        bu: The second bias [gates * H], or None.
        activation: The RNN's.
        peepholes: Of an LSTM, gate by gate.
        projection: Of an LSTM, [O, H].

    Raises:
        InputError: The convention has no such kind, or shapes do not fit.
    """
    convention = CONVENTIONS[name]
    if kind not in convention.gates:
        raise InputError(f"{convention.title} has no {kind!r}{nearest(kind, convention.kinds)}")
    order = convention.gates[kind]
    matrices = [to_tensor(matrix) for matrix in (w, u)]
    if any(matrix.dim() != 2 for matrix in matrices):
        raise InputError(
            f"weights must be matrices; got shapes {[list(matrix.shape) for matrix in matrices]}"
        )
    w, u = (matrix.t() for matrix in matrices) if convention.transposed else matrices
    return Weights(
        kind,
        split("input weight", w, order),
        split("recurrent weight", u, order),
        None if b is None else split("bias", to_tensor(b), order),
        None if bu is None else split("bias", to_tensor(bu), order),
        peepholes=peepholes,
        projection=projection,
        activation=activation,
    )


def write_weights(
    name: str, weights: Weights, *, peepholes: bool = False, projection: bool = False
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Weights -> arrays in one of the `CONVENTIONS`.

    Args:
        name: The convention.
        weights: What is to be written.
        peepholes: Whether the caller writes peepholes; otherwise they are refused.
        projection: Whether the caller writes a projection; otherwise it is refused.

    Returns:
        The input matrix, the recurrent matrix, and none, one or two biases.

    Raises:
        InputError: The convention has no such layer.
    """
    convention = CONVENTIONS[name]
    refuse(
        weights,
        convention.title,
        kinds=convention.kinds,
        activations=convention.activations,
        peepholes=peepholes,
        projection=projection,
    )
    order = convention.gates[weights.kind]
    matrices = [join(blocks, order) for blocks in (weights.input, weights.hidden)]
    if convention.transposed:
        matrices = [matrix.t().contiguous() for matrix in matrices]
    biases: tuple[Blocks, ...] = ()
    if convention.biases[weights.kind] == 2:
        biases = two_biases(weights) or ()
    elif (sum_of_biases := add_biases(weights, convention.title)) is not None:
        biases = (sum_of_biases,)
    return matrices[0], matrices[1], [join(bias, order) for bias in biases]


if __name__ == "__main__":
    print(table())
