"""gradients: do they vanish on their way back through time, or explode?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ostinato.inspection.backward import (
    StateGradients,
    differentiate,
    pull_to_part,
    walk_back,
)
from ostinato.inspection.panels import Heatmap, Lines, Panel, Table
from ostinato.inspection.recording import LayerRun, PartRun
from ostinato.inspection.selection import Selection, name_run
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View

VANISHED, EXPLODED = 1e-3, 1e3  # |dh_t/dh_k| over the distance from k to t
DECOMPOSED = 12  # steps k of which all singular values are computed: they are what costs time


def view_gradients(subject: Subject, selection: Selection) -> View:
    """|dL/dS_t|, the norms and singular values of dh_t/dh_k, and the product of forget gates.

    Source: Hochreiter, 1991; Bengio, Simard and Frasconi, 1994; Pascanu, Mikolov and Bengio, 2013.
    """
    recording, loss = subject.record(edits=selection.edits)
    layers: list[dict[str, Any]] = []
    panels: list[Panel] = []
    notes = [f"L is {subject.loss_name}: {float(loss.detach()):.7g}."]
    for part in selection.choose_parts(recording):
        labels = subject.steps_of(part)
        runs = selection.choose_runs(part)
        for run, found in zip(runs, differentiate(loss, runs, subject.row), strict=True):
            name = name_run(part, run)
            layer = measure(part, run, found, subject.row, selection)
            layers.append(layer)
            steps = labels[::-1] if run.direction else labels
            panels += show(name, layer, steps)
            notes += warn(name, layer)
    data = {"loss": float(loss.detach()), "loss_name": subject.loss_name, "layers": layers}
    return View("gradients", "Gradients through time", data, panels, notes=notes)


def measure(
    part: PartRun, run: LayerRun, found: StateGradients, row: int, selection: Selection
) -> dict[str, Any]:
    """The numbers of one layer and direction, in the order in which it takes its steps."""
    names, steps = run.cell.part_names, run.length(row)
    step = selection.choose_step(steps)
    norms = {
        name: each.norm(dim=-1).tolist() for name, each in zip(names, found.total, strict=True)
    }
    jacobians = measure_jacobians(run, row, step)
    return {
        "part": part.name,
        "layer": run.layer,
        "direction": run.direction,
        "loss_gradient": norms,
        "step": step,
        **jacobians,
    }


def choose_decomposed(step: int) -> set[int]:
    """The steps k of which singular values are computed: dense near t, then ever sparser."""
    lags, lag = set(), 1.0
    while round(lag) <= step:
        lags.add(round(lag))
        lag = max(lag + 1, lag * 1.6)
    kept = sorted(lags)
    while len(kept) > DECOMPOSED - 1:
        del kept[1::3]
    return {step - lag for lag in kept} | {0, step}


def measure_jacobians(run: LayerRun, row: int, step: int) -> dict[str, Any]:
    """Norms and singular values of dh_t/dh_k for all k; for an LSTM dc_t/dc_k beside it."""
    cell, sizes = run.cell, list(run.cell.sizes)
    has_memory = "forget" in run.gate_names and "cell" in cell.part_names
    memory = cell.part_names.index("cell") if has_memory else 0
    chosen, width = choose_decomposed(step), sizes[0]
    frobenius, singular = [0.0] * (step + 1), {}
    exact, product = [0.0] * (step + 1), [0.0] * (step + 1)
    forget = torch.ones(sizes[memory], dtype=torch.float64)
    for k, rows in walk_back(run, row, step, (0, memory) if has_memory else (0,)):
        of_output = rows[:width, :width]  # dh_t/dh_k
        frobenius[k] = float(of_output.norm())
        if k in chosen:
            singular[k] = torch.linalg.svdvals(of_output).tolist()
        if has_memory:
            before = sum(sizes[:memory])
            # c_k acts on c_t through the memory cell, and through h_k, which is made of it
            of_memory = rows[width:, before : before + sizes[memory]]
            of_memory = of_memory + pull_to_part(run, row, k, memory, rows[width:, :width])
            if k < step:
                forget = forget * run.gates[k]["forget"][row].detach()
            exact[k], product[k] = float(mean_diagonal(of_memory)), float(forget.mean())
    found: dict[str, Any] = {"jacobian_norm": frobenius, "singular_values": singular}
    if has_memory:
        found |= {"memory_exact": exact, "memory_forget_product": product}
    return found


def mean_diagonal(matrix: Tensor) -> Tensor:
    """The mean of the diagonal: how much of its own old value a unit keeps."""
    return matrix.diagonal().mean()


def show(name: str, layer: dict[str, Any], steps: list[str]) -> list[Panel]:
    """The panels of one layer and direction."""
    step = layer["step"]
    before = ["start", *steps]
    letters = {"hidden": "h", "cell": "c"}
    series = {
        f"|dL/d{letters.get(part, part)}_t|": values
        for part, values in layer["loss_gradient"].items()
    }
    panels: list[Panel] = [
        Lines(f"{name}: norm of the loss's gradient", steps, series, value_name="norm", log=True),
        Lines(
            f"{name}: norm of dh_t/dh_k from t = {step} back to k",
            before[: step + 1],
            {"Frobenius norm": layer["jacobian_norm"], "largest singular value": largest(layer)},
            column_name="k",
            value_name="norm",
            log=True,
        ),
    ]
    values = layer["singular_values"]
    if len(values) > 1:
        chosen = sorted(values, reverse=True)
        matrix = torch.tensor([values[k] for k in chosen]).T.numpy()
        columns = [f"{step - k}" for k in chosen]
        rows = [str(number + 1) for number in range(len(matrix))]
        panels.append(
            Heatmap(
                f"{name}: singular values of dh_t/dh_k",
                matrix,
                rows,
                columns,
                row_name="singular value",
                column_name="lag t - k",
                scale="positive",
            )
        )
    if "memory_exact" in layer:
        panels.append(
            Lines(
                f"{name}: how much of c_k is left in c_t, mean over units",
                before[: step + 1],
                {
                    "exact: diagonal of dc_t/dc_k": layer["memory_exact"],
                    "product of the forget gates": layer["memory_forget_product"],
                },
                column_name="k",
                value_name="share",
            )
        )
    panels.append(tabulate(name, layer, before))
    return panels


def largest(layer: dict[str, Any]) -> list[float | None]:
    """The largest singular value at each k; None where none was computed."""
    values = layer["singular_values"]
    return [values[k][0] if k in values else None for k in range(layer["step"] + 1)]


def tabulate(name: str, layer: dict[str, Any], before: list[str]) -> Table:
    """dh_t/dh_k in numbers, at the steps of which singular values are known."""
    rows = [
        [layer["step"] - k, k, before[k], layer["jacobian_norm"][k], values[0], values[-1]]
        for k, values in sorted(layer["singular_values"].items(), reverse=True)
    ]
    columns = ["lag", "k", "at", "Frobenius norm", "largest singular", "smallest singular"]
    return Table(f"{name}: dh_t/dh_k in numbers", columns, rows)


def warn(name: str, layer: dict[str, Any]) -> list[str]:
    """Whether the gradient vanishes or explodes over the length of this input."""
    step, values = layer["step"], layer["singular_values"]
    if step < 2 or 0 not in values:
        return []
    whole = values[0][0]
    per_step = whole ** (1 / step) if whole > 0 else 0.0
    rate = f"largest singular value of dh_{step}/dh_0 is {whole:.2g}, {per_step:.3g} a step"
    if whole < VANISHED:
        return [f"{name}: the gradient VANISHES over {step} steps: the {rate}."]
    if whole > EXPLODED:
        return [f"{name}: the gradient EXPLODES over {step} steps: the {rate}."]
    return [f"{name}: the gradient neither vanishes nor explodes over {step} steps: the {rate}."]
