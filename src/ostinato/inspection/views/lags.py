"""lags: which share of dL/dW each lag contributes, and what truncated backpropagation would
lose.
"""

from __future__ import annotations

from typing import Any

import torch

from ostinato.inspection.backward import StateGradients, differentiate, split_by_lag
from ostinato.inspection.gradients import scalar_growth
from ostinato.inspection.panels import Lines, Panel, Table
from ostinato.inspection.recording import LayerRun, PartRun
from ostinato.inspection.selection import Selection, name_run
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View

KEPT = (0.9, 0.99, 0.999)  # of the gradient: the truncations that are named
ADVISED = 0.99
WEIGHTS = (0.5, 0.9, 1.0, 1.1)  # of the scalar network h_t = w h_{t-1}
STEPS = 50


def view_lags(subject: Subject, selection: Selection) -> View:
    """dL/dW by lag t - k: norms, what is lost without the longer ones, and how many steps to keep.

    Source: Werbos, 1990; Williams and Peng, 1990, on truncation.
    """
    recording, loss = subject.record(edits=selection.edits)
    layers: list[dict[str, Any]] = []
    panels: list[Panel] = []
    notes = [f"L is {subject.loss_name}: {float(loss.detach()):.7g}."]
    for part in selection.choose_parts(recording):
        runs = selection.choose_runs(part)
        for run, found in zip(runs, differentiate(loss, runs, subject.row), strict=True):
            layer = measure(part, run, found, subject.row)
            layers.append(layer)
            panels += show(name_run(part, run), layer)
            notes.append(advise(name_run(part, run), layer))
    growth = grow_scalar()
    panels.append(
        Lines(
            "The scalar linear network h_t = w h_{t-1}: dh_T/dw = T w^(T-1)",
            [str(step) for step in range(1, STEPS + 1)],
            growth,
            column_name="T",
            value_name="dh_T/dw for h_0 = 1",
            log=True,
        )
    )
    return View(
        "lags", "The gradient by lag", {"layers": layers, "scalar": growth}, panels, notes=notes
    )


def measure(part: PartRun, run: LayerRun, found: StateGradients, row: int) -> dict[str, Any]:
    """The norm of each lag's term, and of what is missing when only the first ones are kept."""
    terms = [flatten(term) for term in split_by_lag(run, found.direct, row)]
    whole = torch.stack(terms).sum(0)
    total = float(whole.norm()) or 1.0
    norms = [float(term.norm()) for term in terms]
    missing, rest = [], whole.clone()
    for term in terms:
        rest = rest - term
        missing.append(float(rest.norm()) / total)
    missing[-1] = 0.0  # nothing is missing with all lags; what is left is rounding
    along = [float(term @ whole) / total**2 for term in terms]
    kept = {share: first_within(missing, 1 - share) for share in KEPT}
    return {
        "part": part.name,
        "layer": run.layer,
        "direction": run.direction,
        "gradient_norm": float(whole.norm()),
        "norms": norms,
        "shares": along,
        "missing": missing,
        "steps_kept": {str(share): steps for share, steps in kept.items()},
    }


def flatten(term: dict[str, torch.Tensor]) -> torch.Tensor:
    """All parameters' gradients as one vector."""
    return torch.cat([value.flatten() for value in term.values()])


def first_within(missing: list[float], most: float) -> int:
    """The fewest steps of backpropagation that leave out at most this share of the gradient."""
    return next(
        (steps for steps, share in enumerate(missing, start=1) if share <= most), len(missing)
    )


def show(name: str, layer: dict[str, Any]) -> list[Panel]:
    """The panels of one layer and direction."""
    lags = [str(lag) for lag in range(len(layer["norms"]))]
    rows = [[f"{float(share):.1%}", steps] for share, steps in layer["steps_kept"].items()]
    return [
        Lines(
            f"{name}: norm of each lag's term of dL/dW",
            lags,
            {"norm": layer["norms"]},
            column_name="lag",
            value_name="norm",
            log=True,
        ),
        Lines(
            f"{name}: share of each lag along dL/dW, and what truncation loses",
            lags,
            {
                "share of this lag": layer["shares"],
                "lost if truncated after it": layer["missing"],
            },
            column_name="lag",
            value_name="of the gradient",
        ),
        Table(
            f"{name}: steps of truncated backpropagation that keep a share of the gradient",
            ["kept of dL/dW", "steps"],
            rows,
        ),
    ]


def advise(name: str, layer: dict[str, Any]) -> str:
    """How many steps of backpropagation this input asks for."""
    steps, of = layer["steps_kept"][str(ADVISED)], len(layer["norms"])
    if steps >= of:
        return f"{name}: no truncation keeps {ADVISED:.0%} of the gradient: all {of} steps matter."
    return (
        f"{name}: truncated backpropagation through {steps} of {of} steps keeps {ADVISED:.0%} of "
        f"the gradient on this input; chunks should be longer than that."
    )


def grow_scalar() -> dict[str, list[float]]:
    """T w^(T-1) for several w."""
    return {
        f"w = {w:g}": [scalar_growth(w, step).exact for step in range(1, STEPS + 1)]
        for w in WEIGHTS
    }
