"""parameters: how many a network has, layer by layer and gate by gate."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ostinato.cells.cell import Cell
from ostinato.inspection.panels import Table
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Subject
from ostinato.inspection.torch_layers import share_weights
from ostinato.inspection.view import View
from ostinato.layers.recurrent import Recurrent


def view_parameters(subject: Subject, selection: Selection) -> View:
    """Every tensor with its shape and size; of recurrent cells also gate by gate."""
    network = subject.network
    tensors: list[dict[str, Any]] = [
        {"name": name, "shape": list(value.shape), "parameters": value.numel()}
        for name, value in network.named_parameters()
    ]
    total = sum(row["parameters"] for row in tensors)
    gates = [row for part in subject.parts for row in count_part(part.name, part.module)]
    data = {"total": total, "tensors": tensors, "gates": gates}
    columns = ["part", "layer", "direction", "gate", "from the input", "from the state", "biases"]
    by_gate = [
        [row["part"], row["layer"], "backward" if row["direction"] else "forward", row["gate"]]
        + [row["input"], row["state"], row["biases"], row["parameters"]]
        for row in gates
    ]
    panels = [
        Table("Recurrent layers, gate by gate", [*columns, "together"], by_gate),
        Table(
            f"All tensors: {total:,} parameters",
            ["name", "shape", "parameters"],
            [
                [row["name"], " x ".join(map(str, row["shape"])) or "1", row["parameters"]]
                for row in tensors
            ],
        ),
    ]
    return View("parameters", "Parameters", data, panels)


def count_part(part: str, module: nn.Module) -> list[dict[str, Any]]:
    """A row for each gate of each layer and direction."""
    recurrent = module if isinstance(module, Recurrent) else share_weights(module)  # type: ignore[arg-type]
    rows = []
    for place, cell in enumerate(recurrent.typed_cells):
        layer, direction = divmod(place, recurrent.directions)
        for gate, counts in count_gates(cell).items():
            rows.append(
                {"part": part, "layer": layer, "direction": direction, "gate": gate, **counts}
            )
    return rows


def count_gates(cell: Cell) -> dict[str, dict[str, int]]:
    """{gate: {input, state, biases, parameters}}; what belongs to no gate is "other"."""
    names = name_blocks(cell)
    blocks = cell.gates
    found: dict[str, dict[str, int]] = {}
    counted = 0
    layers = {"input": cell.from_input, "state": cell.from_hidden}
    for name in names:
        counts = {"input": 0, "state": 0, "biases": 0}
        for kind, layer in layers.items():
            weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
            if weight is not None:
                counts[kind] += weight.numel() // blocks
            if bias is not None:
                counts["biases"] += bias.numel() // blocks
        counts["parameters"] = sum(counts.values())
        counted += counts["parameters"]
        found[name] = counts
    rest = sum(value.numel() for value in cell.parameters()) - counted
    if rest:
        found["other"] = {"input": 0, "state": 0, "biases": 0, "parameters": rest}
    return found


def name_blocks(cell: Cell) -> list[str]:
    """The gate that each block of H rows of the weights belongs to, found by its gradient.

    A block belongs to the recorded gate that depends on it alone, or on it and on blocks that
    belong to other gates.
    """
    like = next(cell.parameters())
    cell_gates, size = cell.gates, cell.hidden_size
    watched = cell.__class__.__new__(cell.__class__)
    watched.__dict__.update(vars(cell))
    watched.gate_log = []
    state = cell.initial_state(1, like)
    state = tuple(part + 0.1 for part in state)
    with torch.enable_grad():
        projected = torch.full((1, cell_gates * size), 0.1, dtype=like.dtype, requires_grad=True)
        watched.step(projected, state)
        reads = {}
        for name, value in watched.gate_log[0].items() if watched.gate_log else ():
            (found,) = torch.autograd.grad(
                value.sum(), projected, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            touched = found.view(cell_gates, size).abs().sum(1) > 0
            reads[name] = set(touched.nonzero()[:, 0].tolist())
    names: dict[int, str] = {}
    for name, blocks in sorted(reads.items(), key=lambda item: len(item[1])):
        free = sorted(blocks - names.keys())
        if len(free) == 1:
            names[free[0]] = name
    only = "state" if cell_gates == 1 else ""
    return [names.get(block, only or f"block {block}") for block in range(cell_gates)]
