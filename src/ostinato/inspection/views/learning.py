"""learning: loss, gradient norm and dev scores over training, from the run's log."""

from __future__ import annotations

from typing import Any

from ostinato.errors import InputError
from ostinato.inspection.panels import Lines, Panel, Table
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View

POINTS = 400  # of a line: more cannot be told apart
SHOWN = {
    "loss": "training loss",
    "gradient_norm": "gradient norm",
    "learning_rate": "learning rate",
}


def view_learning(subject: Subject, selection: Selection) -> View:
    """What each training step noted: means over stretches where there are many steps."""
    steps = [record for record in subject.log if "loss" in record]
    scored = [record for record in subject.log if "dev" in record]
    if not steps:
        raise InputError(f"{subject.folder or 'this model'}: no training log (training/log.jsonl)")
    width = max(1, -(-len(steps) // POINTS))
    stretches = [steps[start : start + width] for start in range(0, len(steps), width)]
    ends = [str(stretch[-1]["step"]) for stretch in stretches]
    data: dict[str, Any] = {"steps": [stretch[-1]["step"] for stretch in stretches]}
    panels: list[Panel] = []
    for name, title in SHOWN.items():
        values = [
            sum(record[name] for record in stretch) / len(stretch)
            for stretch in stretches
            if all(isinstance(record.get(name), int | float) for record in stretch)
        ]
        if len(values) == len(stretches):
            data[name] = values
            log = name == "gradient_norm"
            panels.append(Lines(title, ends, {title: values}, value_name=title, log=log))
    metrics = list(dict.fromkeys(name for record in scored for name in record["dev"]))
    for name in metrics:
        values = [record["dev"].get(name) for record in scored]
        data.setdefault("dev", {})[name] = values
        at = [str(record["step"]) for record in scored]
        panels.append(Lines(f"dev {name}", at, {f"dev {name}": values}, value_name=name))
    norms = [record["gradient_norm"] for record in steps if "gradient_norm" in record]
    if norms:
        ordered = sorted(norms)
        rows = [["smallest", ordered[0]], ["median", ordered[len(ordered) // 2]]]
        panels.append(Table("Gradient norms", ["", "norm"], [*rows, ["largest", ordered[-1]]]))
    return View("learning", "Learning", data, panels)
