"""remedies: what is done against vanishing and exploding gradients, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from ostinato.inspection.panels import Heatmap, Lines, Panel, Table
from ostinato.inspection.view import View

LEARNED = 0.9  # of the answers at a lag are right
POINTS = 100  # of a line: means of stretches are smoother than single steps


@dataclass
class Trial:
    """What training with one remedy gave.

    Attributes:
        name: Of the remedy.
        losses, norms: The loss, and the gradient's norm before clipping, of each step.
        score_name: What `score` is.
        score: On data not trained on.
        by_lag: {lag: share of right answers}; empty where the data have no known lags.
        history: After some steps the `by_lag` of then: {step: by_lag}.
        before, after: |dL/dh_t| for t = 1 to T, of the untrained and of the trained network.
        missing: The share of dL/dW that truncation after 1, 2, ... steps loses.
        seconds: Of training.
        diverged_at: The step at which training ended with a gradient that is not finite.
    """

    name: str
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    score_name: str = "accuracy"
    score: float | None = None
    by_lag: dict[int, float] = field(default_factory=dict)
    history: dict[int, dict[int, float]] = field(default_factory=dict)
    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    missing: list[float] = field(default_factory=list)
    seconds: float = 0.0
    diverged_at: int | None = None

    @property
    def longest(self) -> int | None:
        """The longest lag that was learned, with all shorter ones; None: not even the shortest."""
        found = None
        for lag in sorted(self.by_lag):
            if self.by_lag[lag] < LEARNED:
                break
            found = lag
        return found

    @property
    def reach(self) -> float | None:
        """|dL/dh_1| / |dL/dh_T|: what is left of the gradient at the first step."""
        return self.after[0] / self.after[-1] if self.after and self.after[-1] else None


def view_remedies(trials: Sequence[Trial], title: str, notes: Sequence[str]) -> View:
    """The table and the pictures of trials on the same data with the same seed.

    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks,
    2013; Hochreiter and Schmidhuber, 1997, section 5, on long time lags.
    """
    panels: list[Panel] = [tabulate(trials)]
    if trials[0].by_lag:
        panels.append(show_lags(trials))
    panels += show_training(trials)
    panels += show_gradients(trials)
    panels += show_histories(trials)
    data = {"trials": {trial.name: describe(trial) for trial in trials}}
    notes = [*notes, *(note for trial in trials for note in remark(trial))]
    return View("remedies", title, data, panels, notes=notes)


def describe(trial: Trial) -> dict[str, Any]:
    """The numbers of one trial."""
    return {
        trial.score_name: trial.score,
        "by_lag": trial.by_lag,
        "longest_lag": trial.longest,
        "loss": trial.losses,
        "gradient_norm": trial.norms,
        "loss_gradient_before": trial.before,
        "loss_gradient_after": trial.after,
        "lost_by_truncation": trial.missing,
        "history": trial.history,
        "seconds": trial.seconds,
        "diverged_at": trial.diverged_at,
    }


def remark(trial: Trial) -> list[str]:
    """What went wrong in a trial."""
    if trial.diverged_at is None:
        return []
    return [f"{trial.name}: training diverged at step {trial.diverged_at}."]


def tabulate(trials: Sequence[Trial]) -> Table:
    """One row a remedy."""
    first = trials[0]
    with_lags = bool(first.by_lag)
    columns = ["remedy", first.score_name, *["longest lag learned"] * with_lags, "last loss"]
    columns += ["median |g|", "largest |g|", "|dL/dh_1| / |dL/dh_T|", "seconds"]
    rows: list[list[Any]] = []
    for trial in trials:
        last = trial.losses[-max(1, len(trial.losses) // 20) :]
        row: list[Any] = [trial.name, trial.score]
        row += [trial.longest if trial.longest is not None else "none"] * with_lags
        row += [sum(last) / len(last) if last else None]
        row += [median(trial.norms), max(trial.norms)] if trial.norms else [None, None]
        rows.append([*row, trial.reach, round(trial.seconds, 1)])
    return Table("The remedies", columns, rows)


def show_lags(trials: Sequence[Trial]) -> Heatmap:
    """What is learned at which lag."""
    lags = sorted(trials[0].by_lag)
    values = np.array([[trial.by_lag.get(lag, 0.0) for lag in lags] for trial in trials])
    names = [trial.name for trial in trials]
    columns = [str(lag) for lag in lags]
    title = "Share of right answers at each lag"
    return Heatmap(title, values, names, columns, "remedy", "lag", "fraction")


def show_training(trials: Sequence[Trial]) -> list[Panel]:
    """Loss and gradient norm over training: means of stretches, and the largest norms."""
    steps = max(len(trial.losses) for trial in trials)
    width = max(1, -(-steps // POINTS))
    ends = [str(min(steps, end)) for end in range(width, steps + width, width)]
    means, norms = {}, {}
    for trial in trials:
        cut = [slice(start, start + width) for start in range(0, steps, width)]
        losses, sizes = ([values[each] for each in cut] for values in (trial.losses, trial.norms))
        means[trial.name] = [sum(part) / len(part) if part else None for part in losses]
        norms[trial.name] = [max(part) if part else None for part in sizes]
    return [
        Lines("Training loss", ends, means, value_name="loss"),
        Lines("Norm of the gradient before clipping", ends, norms, value_name="|g|", log=True),
    ]


def show_gradients(trials: Sequence[Trial]) -> list[Panel]:
    """The gradient through time, and what truncation would lose of it."""
    panels: list[Panel] = []
    for title, name in (
        ("|dL/dh_t| through time, untrained", "before"),
        ("|dL/dh_t| through time, trained", "after"),
    ):
        series = {trial.name: getattr(trial, name) for trial in trials}
        series = {key: values for key, values in series.items() if values}
        if series:
            steps = max(map(len, series.values()))
            padded = {
                key: [*values, *[None] * (steps - len(values))] for key, values in series.items()
            }
            columns = [str(step) for step in range(1, steps + 1)]
            panels.append(Lines(title, columns, padded, value_name="|dL/dh_t|", log=True))
    missing = {trial.name: trial.missing for trial in trials if trial.missing}
    if missing:
        lags = max(map(len, missing.values()))
        filled = {key: [*values, *[None] * (lags - len(values))] for key, values in missing.items()}
        columns = [str(lag) for lag in range(1, lags + 1)]
        title = "Share of dL/dW that truncation after n steps loses, trained"
        panels.append(Lines(title, columns, filled, column_name="n", value_name="share"))
    return panels


def show_histories(trials: Sequence[Trial]) -> list[Panel]:
    """For each remedy, which lags were learned when."""
    panels: list[Panel] = []
    for trial in trials:
        if trial.history:
            lags = sorted(trial.by_lag, reverse=True)
            steps = list(trial.history)
            values = np.array([[trial.history[step][lag] for step in steps] for lag in lags])
            rows, columns = [str(lag) for lag in lags], [str(step) for step in steps]
            title = f"{trial.name}: share of right answers over training"
            panels.append(Heatmap(title, values, rows, columns, "lag", "step", "fraction"))
    return panels
