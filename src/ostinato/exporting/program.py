"""A trained network as a list of operations with their weights: what every export is made of.

The same few operations are carried out by ONNX Runtime (`onnx_graph.py` writes them as a graph), by
NumPy (`runner.py`) and by JavaScript (`page/runner.js`). T steps, D dimensions, H units, g gates.

    embed       ids [T] -> [T, D]: rows of `table`
    spell       characters [T, C] -> [T, D]: the maximum of a convolution over a word's characters
    affixes     ids [T, N] -> [T, D]: sums of rows of `table`
    scale       [T, D] -> (x - mean) / scale, clipped at `clip` if there is one
    concat      [T, D1], [T, D2] -> [T, D1 + D2]
    add         [T, D], [T, D] or [T, 1] -> their sum
    linear      [T, D] -> [T, D']: x weight^T + bias; `activation` tanh, relu or none
    recurrent   [T, D] -> [T, directions H], with the last states. `W` [directions, g H, D],
                `R` [directions, g H, H], `B` [directions, 2 g H] as in ONNX
    pool        [T, D] -> [1, D']: last, both-ends, middle, mean, max or attention
    softmax, sigmoid, ordinal   probabilities
    average     the mean of several
    stack       [T, D] -> [T / factor, factor D]: neighbouring frames side by side

for forecasts in NumPy and JavaScript (ONNX has a graph of its own, `forecast_graph.py`):

    unstack     [T, factor D] -> [T factor, D]
    constant    `table` [T, D]
    repeat      [1, D] -> [rows, D]
    rows        the first `count` rows; zeros where there are fewer
    each        [T, D] -> [T, H]: one step of a `recurrent` from its last state, for each row anew
    quantiles   [T, Q] -> [T, Q], ascending: the `middle` one, and positive steps away from it

and in ONNX alone, where inputs are features that only a program of its own can compute:

    norm        layer normalisation
    log_softmax
    student_t   [T, 2] -> location and scale
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Step:
    """One operation.

    Args:
        op: Its name.
        inputs: Names of values.
        output: The name of its result.
        weights: Names of weights by their role.
        settings: Further settings, such as the kind of cell.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    weights: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            "op": self.op,
            "inputs": list(self.inputs),
            "output": self.output,
            "weights": self.weights,
            **self.settings,
        }


@dataclass
class Program:
    """Operations, weights, and what goes in and comes out.

    Args:
        inputs: Kind of each input by its name: ids, characters, affixes or numbers.
        steps: In order.
        weights: float32 arrays by name.
        states: Size of each state by its name, in streaming order; none for two directions.
        output: The name of the result.
        per_step: Whether the result has a row for each step.
        about: What the runner must know: task, vocabulary, labels, scaler, ...
    """

    inputs: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)
    output: str = ""
    per_step: bool = True
    about: dict[str, Any] = field(default_factory=dict)

    def weight(self, name: str, tensor: Tensor | np.ndarray) -> str:
        """Stores a weight; its name."""
        value = tensor if isinstance(tensor, np.ndarray) else tensor.detach().cpu().numpy()
        self.weights[name] = np.ascontiguousarray(value, dtype=np.float32)
        return name

    def add(
        self,
        op: str,
        *inputs: str,
        weights: dict[str, Tensor | np.ndarray | None] | None = None,
        **settings: Any,
    ) -> str:
        """Appends an operation; the name of its result."""
        output = f"{op}{len(self.steps)}"
        names = {
            role: self.weight(f"{output}.{role}", value)
            for role, value in (weights or {}).items()
            if value is not None
        }
        self.steps.append(Step(op, inputs, output, names, settings))
        return output

    def to_dict(self) -> dict[str, Any]:
        """All but the weights, as JSON can hold it."""
        return {
            "inputs": self.inputs,
            "steps": [step.to_dict() for step in self.steps],
            "states": self.states,
            "output": self.output,
            "per_step": self.per_step,
            "about": self.about,
        }


def quantise(weights: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Matrices as int8 with a scale for each row; the scales [..., 1] by the same names.

    The largest value of a row becomes 127 or -127. Vectors stay as they are."""
    small: dict[str, np.ndarray] = {}
    scales: dict[str, np.ndarray] = {}
    for name, value in weights.items():
        if value.ndim < 2 or name.endswith(".B"):
            small[name] = value
            continue
        scale = np.abs(value).max(-1, keepdims=True) / 127
        scale = np.where(scale > 0, scale, 1).astype(np.float32)
        small[name] = np.round(value / scale).astype(np.int8)
        scales[name] = scale
    return small, scales


def dequantise(
    small: dict[str, np.ndarray], scales: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The float32 weights that int8 weights stand for."""
    return {
        name: value.astype(np.float32) * scales[name] if name in scales else value
        for name, value in small.items()
    }
