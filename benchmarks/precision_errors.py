"""How far the kernels' outputs and gradients are from the reference in float64, in float32 and in
bfloat16, with torch.nn under autocast beside them. A few seconds; needs no data.

    python benchmarks/precision_errors.py --output errors.json

An error is the norm of the difference over the norm of what is right, of the outputs, and of the
gradients of all weights together.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ostinato import cells, kernels
from ostinato.cells.cell import scan
from ostinato.commands.tables import table
from setting import setting, write

BATCH, STEPS, SIZE = 16, 40, 96
CELLS: dict[str, Any] = {
    "RNN, tanh": cells.RNN,
    "RNN, relu": partial(cells.RNN, activation="relu"),
    "LSTM": cells.LSTM,
    "LSTM, projected": partial(cells.LSTM, output_size=SIZE // 2),
    "LSTM, peepholes": cells.PeepholeLSTM,
    "LSTM, layer norm": cells.LayerNormLSTM,
    "GRU": cells.GRU,
    "GRU, reset before": cells.GRUResetBefore,
    "GRU, layer norm": cells.LayerNormGRU,
}
TORCH = {"RNN, tanh": torch.nn.RNN, "LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU}


def error(found: list[Tensor], right: list[Tensor]) -> float:
    off = sum(float((a.double() - b).square().sum()) for a, b in zip(found, right, strict=True))
    return (off / sum(float(b.square().sum()) for b in right)) ** 0.5


def results(
    run: Any, parameters: list[Tensor], weights: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs, and gradients of the weights."""
    for parameter in parameters:
        parameter.grad = None
    outputs = run()
    (outputs * weights.to(outputs)).sum().backward()
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    return [outputs.detach()], gradients


def measure(name: str) -> dict[str, float]:
    torch.manual_seed(0)
    cell = CELLS[name](SIZE, SIZE)
    x, weights = torch.randn(BATCH, STEPS, SIZE), torch.randn(BATCH, STEPS, cell.output_size)
    parameters, exact = list(cell.parameters()), copy.deepcopy(cell).double()
    state = cell.initial_state(BATCH, x)
    wide = tuple(part.double() for part in state)
    right = results(
        lambda: scan(exact, x.double(), wide)[0], list(exact.parameters()), weights.double()
    )
    narrow = torch.autocast("cpu", dtype=torch.bfloat16)
    found = {}
    for precision, around in {"float32": contextlib.nullcontext(), "bfloat16": narrow}.items():
        with around:
            assert kernels.usable(cell, x, state)
        run = partial(run_inside, around, cell, x, state)
        for what, ours, best in zip(
            ("outputs", "gradients"), results(run, parameters, weights), right, strict=True
        ):
            found[f"{precision} {what}"] = error(ours, best)
    if name in TORCH:
        theirs = copy_weights(TORCH[name](SIZE, SIZE, batch_first=True), cell)
        used = [p for p in theirs.parameters() if p.requires_grad]
        outputs, gradients = results(partial(run_torch, narrow, theirs, x), used, weights)
        found["autocast outputs"] = error(outputs, right[0])
        named = dict(
            zip(
                [n for n, p in theirs.named_parameters() if p.requires_grad], gradients, strict=True
            )
        )
        ours = dict(exact.named_parameters())
        pairs = [("weight_ih_l0", "from_input.weight"), ("weight_hh_l0", "from_hidden.weight")]
        found["autocast gradients"] = error(
            [named[a] for a, _ in pairs], [ours[b].grad for _, b in pairs]
        )
    return found


def run_inside(around: Any, cell: Any, x: Tensor, state: Any) -> Tensor:
    with around:
        return cell.run(x, state)[0]


def run_torch(around: Any, layer: Any, x: Tensor) -> Tensor:
    with around:
        return layer(x)[0]


def copy_weights(layer: Any, cell: Any) -> Any:
    """torch's layer with the cell's weights; a bias that the cell lacks is zero and stays so."""
    with torch.no_grad():
        layer.weight_ih_l0.copy_(cell.from_input.weight)
        layer.weight_hh_l0.copy_(cell.from_hidden.weight)
        layer.bias_ih_l0.copy_(cell.from_input.bias)
        bias = cell.from_hidden.bias
        layer.bias_hh_l0.copy_(torch.zeros_like(layer.bias_hh_l0) if bias is None else bias)
    return layer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", help="also write everything to this JSON file")
    arguments = parser.parse_args()
    found = {name: measure(name) for name in CELLS}
    columns = [
        f"{how} {what}"
        for what in ("outputs", "gradients")
        for how in ("float32", "bfloat16", "autocast")
    ]
    rows = [
        [name, *(f"{one[column]:.1e}" if column in one else "" for column in columns)]
        for name, one in found.items()
    ]
    print(*setting(arguments), sep="\n")
    print(*table(["cell", *columns], rows), sep="\n")
    write(arguments.output, arguments, {"errors": found})


if __name__ == "__main__":
    main()
