"""connectivity: which steps of the input a prediction came from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ostinato.errors import InputError
from ostinato.inspection.panels import ColouredText, Heatmap, Lines, Panel, Table
from ostinato.inspection.recording import PartRun, Recording
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View

MOST_OCCLUDED = 200  # steps: each is a forward pass
MOST_ROWS = 64  # predictions of which all gradients are shown


def view_connectivity(subject: Subject, selection: Selection) -> View:
    """The gradient of a prediction's log-probability by each input, and the change without it.

    Of a forecaster that gives quantiles it is the gradient of the forecast itself.

    The prediction is that at `selection.step`, by default the last. Occlusion replaces an input
    vector by zero.

    Source: Madsen, Visualizing memorization in RNNs, Distill, 2019 (gradient); Zeiler and Fergus,
    2014 (occlusion).
    """
    recording, scores = subject.record_scores(edits=selection.edits)
    if not len(scores):
        raise InputError("the answer is empty: there is no prediction to explain")
    step = selection.choose_step(len(scores))
    name = name_prediction(subject, step, len(scores))
    score = float(scores[step - 1].detach())
    kind = "log-probability" if subject.score_name == "log p" else subject.score_name
    notes = [f"The prediction is {name}; {kind}: {score:.7g}."]
    data: dict[str, Any] = {"step": step, "prediction": name, "score": score, "parts": []}
    if subject.score_name == "log p":
        data["log_probability"] = score
    panels: list[Panel] = []
    for part in selection.choose_parts(recording):
        labels = subject.steps_of(part)
        gradients = find_gradients(recording, part, scores[step - 1], subject.row)
        found: dict[str, Any] = {"part": part.name, "steps": labels, "gradient": gradients}
        if len(labels) <= MOST_OCCLUDED:
            found["occlusion"] = occlude(subject, selection, part, step, score)
        else:
            notes.append(f"{part.name}: more than {MOST_OCCLUDED} steps, so that none is occluded.")
        if 1 < len(scores) <= MOST_ROWS:
            rows = [find_gradients(recording, part, each, subject.row) for each in scores]
            found["matrix"] = torch.tensor(rows, dtype=torch.float64).numpy()
        data["parts"].append(found)
        panels += show(subject, part, found, name, len(scores))
    return View("connectivity", "Where a prediction came from", data, panels, notes=notes)


def name_prediction(subject: Subject, step: int, steps: int) -> str:
    """What was predicted at a step."""
    targets = subject.labels.get("targets", ())
    if len(targets) == steps:
        return f"{targets[step - 1]!r} at step {step} of {steps}"
    return f"that of step {step} of {steps}"


def find_gradients(recording: Recording, part: PartRun, score: Tensor, row: int) -> list[float]:
    """|d score / d x_t| for each input vector of a part."""
    given = recording.inputs[part.name]
    found = torch.autograd.grad(
        score, given, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    steps = part.runs[0].length(row)
    return torch.cat([each[row] for each in found]).norm(dim=-1)[:steps].tolist()


def occlude(
    subject: Subject, selection: Selection, part: PartRun, step: int, score: float
) -> list[float]:
    """By how much the score falls without each input."""
    falls = []
    for hidden in range(1, part.runs[0].length(subject.row) + 1):
        edits = selection.edits._replace(hidden_input=(part.name, hidden))
        _, scores = subject.record_scores(gradients=False, edits=edits)
        if len(scores) < step:
            raise InputError("the number of predictions changes with the input; none is occluded")
        falls.append(score - float(scores[step - 1]))
    return falls


def show(
    subject: Subject, part: PartRun, found: dict[str, Any], name: str, predictions: int
) -> list[Panel]:
    """The panels of one part."""
    labels, gradient = found["steps"], found["gradient"]
    y = "log p" if subject.score_name == "log p" else "forecast"
    series = {f"gradient: |d {y} / d x_t|": gradient}
    if "occlusion" in found:
        series[f"occlusion: fall of {y} without x_t"] = found["occlusion"]
    panels: list[Panel] = [
        ColouredText(f"{part.name}: gradient of {name}", labels, gradient, f"|d {y} / d x_t|"),
        Lines(f"{part.name}: influence of each step", labels, series, value_name="influence"),
    ]
    if "matrix" in found:
        targets = subject.labels.get("targets", ())
        rows = list(targets) if len(targets) == predictions else range(1, predictions + 1)
        panels.append(
            Heatmap(
                f"{part.name}: |d {y} / d x_t| of every prediction",
                found["matrix"],
                [str(row) for row in rows],
                labels,
                row_name="prediction",
                scale="positive",
            )
        )
    order = sorted(range(len(labels)), key=lambda step: -gradient[step])
    occlusion = found.get("occlusion", [None] * len(labels))
    rows_of_table = [
        [step + 1, labels[step], gradient[step], occlusion[step]] for step in order[:20]
    ]
    columns = ["step", "input", "gradient", "occlusion"]
    panels.append(Table(f"{part.name}: the most influential steps", columns, rows_of_table))
    return panels
