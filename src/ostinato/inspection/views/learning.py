"""learning: loss, gradient norm, dev scores and gates over training, from the run's log."""

from __future__ import annotations

from typing import Any

from ostinato.errors import InputError
from ostinato.inspection.gates import OPEN, SHUT
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
    panels += show_gates(subject, data)
    norms = [record["gradient_norm"] for record in steps if "gradient_norm" in record]
    if norms:
        ordered = sorted(norms)
        rows = [["smallest", ordered[0]], ["median", ordered[len(ordered) // 2]]]
        panels.append(Table("Gradient norms", ["", "norm"], [*rows, ["largest", ordered[-1]]]))
    return View("learning", "Learning", data, panels)


def show_gates(subject: Subject, data: dict[str, Any]) -> list[Panel]:
    """The means of gates at each evaluation, and how often they are shut or open."""
    records = [record for record in subject.log if "gates" in record]
    steps = [str(record["step"]) for record in records]
    panels: list[Panel] = []
    for layer in dict.fromkeys(name for record in records for name in record["gates"]):
        found = [record["gates"].get(layer, {}) for record in records]
        names = list(dict.fromkeys(name for each in found for name in each))
        means, shares = {}, {}
        for name in names:
            columns = zip(*(each.get(name, (None,) * 3) for each in found), strict=True)
            mean, shut, wide = (list(column) for column in columns)
            data.setdefault("gates", {}).setdefault(layer, {})[name] = {
                "steps": [record["step"] for record in records],
                "mean": mean,
                "shut": shut,
                "open": wide,
            }
            state = name in ("hidden", "cell")
            means[f"|{name}|" if state else name] = mean
            shares[f"|{name}| above {OPEN}" if state else f"{name} open"] = wide
            if not state and name != "candidate":
                shares[f"{name} shut"] = shut
        panels.append(Lines(f"{layer}: means over dev examples", steps, means, value_name="mean"))
        title = f"{layer}: share above {OPEN} (open) and below {SHUT} (shut)"
        panels.append(Lines(title, steps, shares, value_name="share"))
    return panels
