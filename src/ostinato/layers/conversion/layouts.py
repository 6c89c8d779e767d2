"""How each library writes a recurrent layer down: the order of its gates, the side its matrices stand on, its biases.

The code that converts weights and the table in docs/conventions.md are both made from `CONVENTIONS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ostinato.errors import nearest
from ostinato.layers.conversion.weights import Weights, join, one_bias, refuse, split, two_biases

Array = np.ndarray | Tensor


@dataclass(frozen=True)
class Convention:
    """How one library or book writes a recurrent layer down.

    gates      kind -> its gates from the first block to the last
    transposed whether matrices are [D, gates * H], for x W, rather than [gates * H, D], for W x
    biases     kind -> how many biases a gate has"""

    title: str
    gates: Mapping[str, tuple[str, ...]]
    transposed: bool
    biases: Mapping[str, int]
    note: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
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
        "`linear_before_reset=1` is reset after; directions stacked in front; peepholes P: input, output, forget",
    ),
    "cudnn": Convention(
        "cuDNN (linLayerID)",
        {"rnn": RNN, "lstm": IFGO, "gru": RZN},
        False,
        {"rnn": 2, "lstm": 2, "gru": 2},
        "input matrices first, then recurrent ones; LSTM projection: linLayerID 8",
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
        "R [gates, heads, H, H]; GRU: R in the order candidate, reset, update, bias candidate (inside the brackets), "
        "reset, update, candidate",
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


def tensor(array: Array) -> Tensor:
    """The numbers as a tensor of their own, without a graph."""
    return (
        array.detach().clone() if isinstance(array, Tensor) else torch.from_numpy(np.array(array))
    )


def array(given: Tensor) -> np.ndarray:
    return given.detach().cpu().numpy()


def read(
    name: str,
    kind: str,
    w: Array,
    u: Array,
    b: Array | None = None,
    bu: Array | None = None,
    **more,
) -> Weights:
    """Input matrix, recurrent matrix and up to two biases in convention `name` -> Weights."""
    convention = CONVENTIONS[name]
    if kind not in convention.gates:
        raise ValueError(f"{convention.title} has no {kind!r}{nearest(kind, convention.kinds)}")
    order = convention.gates[kind]
    matrices = [tensor(matrix) for matrix in (w, u)]
    if any(matrix.dim() != 2 for matrix in matrices):
        raise ValueError(
            f"weights must be matrices; got shapes {[list(matrix.shape) for matrix in matrices]}"
        )
    w, u = (matrix.t() for matrix in matrices) if convention.transposed else matrices
    biases = [None if bias is None else split("bias", tensor(bias), order) for bias in (b, bu)]
    return Weights(
        kind, split("input weight", w, order), split("recurrent weight", u, order), *biases, **more
    )


def written(name: str, weights: Weights, **can: bool) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Weights -> input matrix, recurrent matrix and none, one or two biases, in convention `name`."""
    convention = CONVENTIONS[name]
    refuse(weights, convention.title, kinds=convention.kinds, **can)
    order = convention.gates[weights.kind]
    matrices = [join(blocks, order) for blocks in (weights.input, weights.hidden)]
    if convention.transposed:
        matrices = [matrix.t().contiguous() for matrix in matrices]
    if convention.biases[weights.kind] == 2:
        biases = two_biases(weights) or ()
    else:
        merged = one_bias(weights, convention.title)
        biases = () if merged is None else (merged,)
    return *matrices, [join(bias, order) for bias in biases]


if __name__ == "__main__":
    print(table())
