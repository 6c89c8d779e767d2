"""gates: every gate and state over the sequence, and how often each gate is shut or open."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.inspection.gates import OPEN, SHUT
from ostinato.inspection.panels import Heatmap, Lines, Panel, Table
from ostinato.inspection.recording import LayerRun, PartRun
from ostinato.inspection.selection import Selection, name_run
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View


def view_gates(subject: Subject, selection: Selection) -> View:
    """Every gate and state of every layer and direction, [T, H] each.

    Source: Karpathy, Johnson and Fei-Fei, Visualizing and understanding recurrent networks, 2015,
    section 4.2.
    """
    recording, _ = subject.record(gradients=False, edits=selection.edits)
    layers: list[dict[str, Any]] = []
    panels: list[Panel] = []
    for part in selection.choose_parts(recording):
        steps = subject.steps_of(part)
        for run in selection.choose_runs(part):
            values = {name: each.numpy() for name, each in run.values(subject.row).items()}
            layers.append(describe_run(part, run, steps, values))
            panels += show_run(name_run(part, run), steps, values, run, selection)
    panels.append(tabulate(layers))
    return View("gates", "Gates and states", {"layers": layers}, panels)


def describe_run(
    part: PartRun, run: LayerRun, steps: list[str], values: dict[str, np.ndarray]
) -> dict[str, Any]:
    """The numbers of one layer and direction."""
    summary = {
        name: {
            "mean": float(each.mean()),
            "deviation": float(each.std()),
            "shut": float((each < SHUT).mean()),
            "open": float((each > OPEN).mean()),
        }
        for name, each in values.items()
    }
    return {
        "part": part.name,
        "layer": run.layer,
        "direction": run.direction,
        "cell": type(run.cell).__name__,
        "steps": steps,
        "values": values,
        "summary": summary,
    }


def show_run(
    name: str,
    steps: list[str],
    values: dict[str, np.ndarray],
    run: LayerRun,
    selection: Selection,
) -> list[Panel]:
    """A heatmap of each gate and state; of one unit, its gates as lines."""
    unit = selection.choose_unit(run.cell.hidden_size)
    if unit is not None:
        series = {
            gate: each[:, unit].tolist() for gate, each in values.items() if unit < each.shape[1]
        }
        return [Lines(f"{name}, unit {unit}", steps, series, value_name="value")]
    return [
        Heatmap(
            f"{name}: {title_of(gate, run)}",
            each.T,
            [str(number) for number in range(each.shape[1])],
            steps,
            scale="signed" if gate not in run.gate_names or (each < 0).any() else "fraction",
        )
        for gate, each in values.items()
    ]


def title_of(gate: str, run: LayerRun) -> str:
    """ "forget" -> "forget gate"; a candidate and the states are no gates."""
    if gate in run.gate_names and gate != "candidate":
        return f"{gate} gate"
    return {"hidden": "hidden state", "cell": "memory cell"}.get(gate, gate)


def tabulate(layers: list[dict[str, Any]]) -> Table:
    """How open each gate is, over all steps and units."""
    rows = [
        [
            layer["part"],
            layer["layer"],
            "backward" if layer["direction"] else "forward",
            name,
            *found.values(),
        ]
        for layer in layers
        for name, found in layer["summary"].items()
    ]
    columns = ["part", "layer", "direction", "name", "mean", "deviation"]
    shares = [f"share below {SHUT} (shut)", f"share above {OPEN} (open)"]
    return Table("Over all steps and units", [*columns, *shares], rows)
