"""The result of a study: best trials, importance of options, a figure, and a recipe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ostinato.commands.study.study_plan import StudyPlan
from ostinato.commands.study.trials import TRIALS, open_study, short
from ostinato.commands.tables import as_json, format_interval, table
from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError
from ostinato.metrics import METRICS

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

REPORT, RECIPE, PICTURE = "report.json", "best.toml", "search.png"
SHOWN = 10


def build_study_report(folder: Path, plan: StudyPlan) -> dict[str, Any]:
    """The trials, the best first, and the importance of each option.

    Raises:
        InputError: No trial has ended with a score.
    """
    from optuna.trial import TrialState

    study = open_study(folder)
    trials = study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    stopped = [trial for trial in trials if trial.state == TrialState.PRUNED]
    if not complete:
        raise InputError(
            f"{folder}: no trial has ended with a score yet; give more time or more trials"
        )
    complete.sort(key=lambda trial: -(trial.value or 0.0))
    rows = [describe_trial(folder, trial) for trial in complete]
    best = rows[0]
    return {
        "task": plan.task,
        "metric": best["metric"],
        "higher_is_better": METRICS[best["metric"]].higher_is_better,
        "trials": len(complete) + len(stopped),
        "stopped": len(stopped),
        "score": best["score"],
        "interval": best["interval"],
        "best": best,
        "complete": rows,
        "stopped_trials": [describe_trial(folder, trial) for trial in stopped],
        "importance": measure_importance(study),
        "space": plan.space,
        "judged_on": ", ".join(plan.dev) or "a held-out part of the training data",
        "seed": plan.seed,
        "recipe": str(folder / RECIPE),
        "picture": str(folder / PICTURE),
    }


def describe_trial(folder: Path, trial: FrozenTrial) -> dict[str, Any]:
    """One trial as a dictionary that can be written as JSON."""
    found = trial.user_attrs
    return {
        "trial": trial.number,
        "metric": found.get("metric"),
        "score": found.get("score"),
        "interval": found.get("interval"),
        "seconds": found.get("seconds"),
        "parameters": found.get("parameters"),
        "why_stopped": found.get("why"),
        "settings": found["settings"],
        "run": str(folder / TRIALS / found["folder"]),
    }


def measure_importance(study: optuna.Study) -> dict[str, float]:
    """The importance of each option, by PED-ANOVA (Watanabe et al. 2023).

    It is the option's share of the divergence between the distributions of good trials and of all
    trials. Empty with fewer than ten complete trials."""
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    from optuna.trial import TrialState

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < SHOWN or len({trial.value for trial in complete}) < 2:
        return {}
    found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    return {name: round(float(value), 4) for name, value in found.items()}


def write_study_report(folder: Path, report: dict[str, Any], plan: StudyPlan) -> None:
    """Writes report.json, the recipe and the figure."""
    write_atomically(folder / REPORT, (as_json(report) + "\n").encode())
    write_atomically(folder / RECIPE, format_recipe(report, plan).encode())
    draw_study(report, folder / PICTURE)


def format_recipe(report: dict[str, Any], plan: StudyPlan) -> str:
    """The settings of the best trial as TOML."""
    settings = {**plan.base_config().values, **report["best"]["settings"]}
    lines = [
        f"# The best of {report['trials']} trials on {report['judged_on']}: "
        f"{report['metric']} {short(report['score'])}.",
        f"task = {json.dumps(plan.task)}",
        *(
            f"{name} = {json.dumps('none' if value is None else value)}"
            for name, value in sorted(settings.items())
        ),
    ]
    return "".join(line + "\n" for line in lines)


def draw_study(report: dict[str, Any], path: Path) -> None:
    """Plots the score of each trial, the best score so far, and the importance of each option."""
    from matplotlib.figure import Figure

    rows = sorted(report["complete"], key=lambda row: row["trial"])
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    numbers = [row["trial"] for row in rows]
    scores = [row["score"] for row in rows]
    pick = max if report["higher_is_better"] else min
    best = [pick(scores[: end + 1]) for end in range(len(scores))]
    left.plot(numbers, scores, "o", label="trial")
    left.step(numbers, best, where="post", color="C1", label="best so far")
    if report["stopped_trials"]:
        low = min(scores) if report["higher_is_better"] else max(scores)
        stopped = [row["trial"] for row in report["stopped_trials"]]
        left.plot(stopped, [low] * len(stopped), "x", color="0.6", label="stopped early (no score)")
    left.set(xlabel="trial", ylabel=f"dev {report['metric']}", title=report["task"])
    left.grid(alpha=0.3)
    left.legend()
    importance = dict(sorted(report["importance"].items(), key=lambda item: item[1]))
    if importance:
        right.barh(list(importance), list(importance.values()))
        right.set(xlabel="share", title="importance of each option")
    else:
        right.set_axis_off()
        right.text(0.5, 0.5, "importance needs ten complete trials", ha="center")
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=120))


def study_lines(report: dict[str, Any]) -> Iterator[str]:
    """The report as lines for a terminal."""
    shown = report["complete"][:SHOWN]
    names = list(report["space"])
    rows = [
        [
            row["trial"],
            float(row["score"]),
            format_interval(*(row["interval"] or (float("nan"), None))),
            float(row["seconds"]),
            row["parameters"],
            *(short(row["settings"].get(name, "")) for name in names),
        ]
        for row in shown
    ]
    yield from table(
        ["trial", report["metric"], "95 % interval", "seconds", "parameters", *names], rows
    )
    if report["importance"]:
        yield "importance: " + ", ".join(
            f"{name} {value:.2f}" for name, value in report["importance"].items()
        )
    stopped = f" ({report['stopped']} stopped early)" if report["stopped"] else ""
    yield (
        f"judged on {report['judged_on']}: the best of {report['trials']} trials{stopped}, so its "
        "score is optimistic; the test set was not used"
    )
    yield f"recipe: {report['recipe']}; figure: {report['picture']}"
    yield ""
    yield "Next:"
    yield f"  ostinato evaluate {report['best']['run']} TEST"
    yield f"  ostinato train {report['task']} --recipe {report['recipe']} --test TEST"
