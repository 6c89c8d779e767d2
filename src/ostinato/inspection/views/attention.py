"""attention: which inputs a decoder, or a classifier, looks at."""

from __future__ import annotations

import torch

from ostinato.errors import InputError
from ostinato.inspection.panels import Heatmap, Panel
from ostinato.inspection.recording import Attended
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View


def view_attention(subject: Subject, selection: Selection) -> View:
    """The attention weights of each prediction over the inputs, [U, S]; each row sums to 1."""
    recording, _ = subject.record(gradients=False, edits=selection.edits)
    joined = join(recording.attention, subject.row)
    if not joined:
        raise InputError("this model has no attention")
    inputs, targets = subject.labels.get("inputs", ()), subject.labels.get("targets", ())
    panels: list[Panel] = []
    data = []
    for name, weights in joined.items():
        steps = weights.shape[1]
        columns = list(inputs)[:steps] if len(inputs) >= steps else number(steps)
        rows = list(targets) if len(targets) == len(weights) else number(len(weights))
        rows = ["the answer"] if len(weights) == 1 else rows
        matrix = weights.numpy()
        panels.append(
            Heatmap(
                f"{name}: attention weights",
                matrix,
                rows,
                columns,
                row_name="prediction",
                column_name="input",
                scale="fraction",
            )
        )
        data.append({"name": name, "rows": rows, "columns": columns, "weights": matrix})
    return View("attention", "Attention", {"attention": data}, panels)


def number(count: int) -> list[str]:
    """["1", "2", ...]"""
    return [str(value) for value in range(1, count + 1)]


def join(found: list[Attended], row: int) -> dict[str, torch.Tensor]:
    """{name: weights [U, S]} of a row; the calls of a decoder that goes step by step as one."""
    joined: dict[str, list[torch.Tensor]] = {}
    for name, weights in found:
        joined.setdefault(name, []).append(weights[row].detach())
    return {name: torch.cat(parts) for name, parts in joined.items()}
