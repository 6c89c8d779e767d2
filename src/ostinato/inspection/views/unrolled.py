"""unrolled: the network through time, with its layers, directions, shared weights and values."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ostinato.inspection.panels import Edge, Graph, Node, Panel, Table
from ostinato.inspection.recording import PartRun, Recording
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View

SHOWN = 8  # steps: more cannot be read


def view_unrolled(subject: Subject, selection: Selection) -> View:
    """A box for every input, state and output, an arrow for every product with shared weights."""
    recording, loss = subject.record(gradients=False, edits=selection.edits)
    panels: list[Panel] = []
    parts, notes = [], []
    for part in selection.choose_parts(recording):
        labels = subject.steps_of(part)
        step = min(selection.choose_step(len(labels)), len(labels))
        first = 0 if selection.step is None else max(0, min(step - SHOWN // 2, len(labels) - SHOWN))
        if len(labels) > SHOWN:
            last = min(first + SHOWN, len(labels))
            notes.append(
                f"{part.name}: steps {first + 1} to {last} of {len(labels)} are drawn; all are in "
                "the numbers."
            )
        panels.append(draw(part, labels, first, subject))
        panels.append(tabulate(part))
        parts.append(collect(recording, part, labels, subject.row))
    data = {"loss": float(loss), "loss_name": subject.loss_name, "parts": parts}
    return View("unrolled", "The network through time", data, panels, notes=notes)


def draw(part: PartRun, labels: list[str], first: int, subject: Subject) -> Graph:
    """The graph of one part: inputs at the bottom, a row for each layer and direction above."""
    steps = range(first, min(first + SHOWN, len(labels)))
    nodes: list[Node] = []
    edges: list[Edge] = []
    rows = len(part.runs)
    inputs = {}
    for t in steps:
        inputs[t] = len(nodes)
        nodes.append(Node(t - first, rows, f"x_{t + 1}", labels[t], "input"))
    below = {t: [inputs[t]] for t in steps}
    for layer in range(part.layers):
        above: dict[int, list[int]] = {t: [] for t in steps}
        for direction in range(part.directions):
            run = part.run(layer, direction)
            states = run.values(subject.row)[run.cell.part_names[0]]
            arrow = "←" if direction else "→" if part.directions == 2 else ""
            boxes = {}
            for t in steps:
                boxes[t] = len(nodes)
                y = rows - 1 - (layer * part.directions + direction)
                # the backward direction stands half a step aside: arrows pass between the boxes
                x = t - first + 0.5 * direction
                nodes.append(Node(x, y, f"h{arrow}_{t + 1}", describe_values(states[t])))
                edges += [
                    Edge(start, boxes[t], f"W_x layer {layer}{arrow} {shape_of(run, 'from_input')}")
                    for start in below[t]
                ]
                above[t].append(boxes[t])
            kind = f"W_h layer {layer}{arrow} {shape_of(run, 'from_hidden')}"
            pairs = zip(list(steps)[:-1], list(steps)[1:], strict=True)
            edges += [
                Edge(boxes[b], boxes[a], kind) if direction else Edge(boxes[a], boxes[b], kind)
                for a, b in pairs
            ]
        below = above
    return Graph(f"{part.name}: arrows of one colour share their weights", nodes, edges)


def shape_of(run: Any, name: str) -> str:
    """ "[16 x 8]", the shape of one of the cell's weights."""
    weight = getattr(getattr(run.cell, name, None), "weight", None)
    return "" if weight is None else f"[{' x '.join(map(str, weight.shape))}]"


def describe_values(state: Tensor) -> str:
    """The norm of a state: "|h| 0.53"."""
    return f"|h| {float(state.norm()):.3f}"


def tabulate(part: PartRun) -> Table:
    """What every layer reads, holds and shares."""
    rows = [
        [
            run.layer,
            "backward" if run.direction else "forward",
            type(run.cell).__name__,
            run.x.shape[2],
            " + ".join(
                f"{name} {size}"
                for name, size in zip(run.cell.part_names, run.cell.sizes, strict=True)
            ),
            sum(value.numel() for value in run.cell.parameters()),
        ]
        for run in part.runs
    ]
    columns = ["layer", "direction", "cell", "reads", "state", "parameters, shared by all steps"]
    return Table(f"{part.name}: layers", columns, rows)


def collect(recording: Recording, part: PartRun, labels: list[str], row: int) -> dict[str, Any]:
    """The numbers of a part."""
    return {
        "part": part.name,
        "steps": labels,
        "layers": [
            {
                "layer": run.layer,
                "direction": run.direction,
                "cell": type(run.cell).__name__,
                "input_size": run.x.shape[2],
                "state": dict(zip(run.cell.part_names, run.cell.sizes, strict=True)),
                "states": {name: run.values(row)[name].numpy() for name in run.cell.part_names},
                "shapes": {name: list(value.shape) for name, value in run.cell.named_parameters()},
            }
            for run in part.runs
        ],
    }
