"""ostinato merge"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ostinato.commands.evaluate import evaluate
from ostinato.commands.run.run_files import MODEL_FILES
from ostinato.commands.tables import as_json, table
from ostinato.data.files.atomic import write_atomically
from ostinato.data.files.weights_file import load_unique_state
from ostinato.errors import InputError, option_name
from ostinato.metrics import METRICS
from ostinato.signature import check_types
from ostinato.tasks.model_card import CARD, save_card
from ostinato.tasks.run_folder import Trained, load, save_network, save_report
from ostinato.tasks.saved_task import describe
from ostinato.training.checkpoint_averaging import average_weights

EXAMPLES = (
    "ostinato merge runs/a runs/b runs/c --out runs/merged",
    "ostinato merge runs/a runs/b --out runs/merged --test test.tsv --json",
)
NOT_COPIED = {CARD, "report.json", "model.safetensors", "curves.png"}
SAME_START = (
    "the mean of weights is a model where the runs began alike: train them with the same "
    "--init-from RUN and other seeds or options of training; runs of different beginnings answer "
    "together as RUN,RUN"
)


@check_types
def merge(
    runs: list[str],
    *,
    out: str,
    test: list[str] = [],  # noqa: B006
    device: str = "cpu",
    seed: int = 1,
) -> dict[str, Any]:
    """The mean of the weights of several runs as one run: at the cost of one, often better.

    Runs that began with the same weights (--init-from) and went on with other seeds or options
    have means that are models (Wortsman et al. 2022, uniform model soups).

    Args:
        runs: folders that `ostinato train` made, two or more, of the same vocabularies and sizes
        out: the new run folder
        test: files on which the runs and their mean are compared; without any, those of the first
            run
        device: cpu, cuda, or auto
        seed: of the resampling for intervals
    """
    target = Path(out)
    if len(runs) < 2:
        raise InputError(f"merge {' '.join(runs)}: name two runs or more")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target}: exists and is not empty; choose another {option_name('out')}")
    check_alike(runs)
    scores = {run: evaluate(run, test, device=device, seed=seed) for run in runs}
    merged = load(runs[0], device=device)
    if merged.task.options.closed_form:
        raise InputError(f"{runs[0]}: its model was fitted without gradient steps; {SAME_START}")
    weights = average_weights([Path(run) / "model.safetensors" for run in runs])
    load_unique_state(merged.networks[0], weights, out)
    result = evaluate(merged, test, device=device, seed=seed)
    metric = merged.task.choose_metric(result["metrics"])
    refuse_worse(metric, result, scores)
    report = build_report(merged, out, result, scores)
    write_run(merged, target, report)
    members = {run: each["metrics"] for run, each in scores.items()}
    return {**result, "run": out, "metric": metric, "members": members}


def check_alike(runs: list[str]) -> None:
    """InputError for runs of different tasks, vocabularies or networks."""
    first = describe(runs[0])
    for run in runs[1:]:
        other = describe(run)
        if any(other[part] != first[part] for part in ("task", "state")):
            raise InputError(f"{run}: another task or vocabulary than {runs[0]}; {SAME_START}")


def refuse_worse(metric: str, result: dict[str, Any], scores: dict[str, dict[str, Any]]) -> None:
    """InputError where the mean scores worse than each of the runs."""
    sign = 1 if METRICS[metric].higher_is_better else -1
    own = result["metrics"][metric]
    worst = min((each["metrics"][metric] for each in scores.values()), key=lambda one: sign * one)
    if sign * own < sign * worst:
        raise InputError(
            f"the mean of the runs has {metric} {own:.4g}, the worst of them {worst:.4g}, and is "
            f"not written; {SAME_START}"
        )


def build_report(
    merged: Trained, out: str, result: dict[str, Any], scores: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """The report of the first run with the scores of the mean, and those of each run."""
    baseline = result.get("baseline", {}).get("metrics", {})
    rows = {row["metric"]: row for row in merged.report.get("table", [])}
    scored = [
        {
            **rows.get(name, {"task": merged.task.name, "metric": name}),
            "score": value,
            "low": result["intervals"][name][0],
            "high": result["intervals"][name][1],
            "baseline": baseline.get(name),
        }
        for name, value in result["metrics"].items()
    ]
    return {
        **merged.report,
        **result,
        "run": out,
        "table": scored,
        "tested_on": " ".join(result["files"]),
        "weights": f"mean of {len(scores)} runs",
        "merged": {run: each["metrics"] for run, each in scores.items()},
        "command": shlex.join(["ostinato", "merge", *scores, "--out", out]),
    }


def write_run(merged: Trained, target: Path, report: dict[str, Any]) -> None:
    """The new run folder: what the first run has, with other weights, report and card."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target}: cannot be made: {error.strerror}") from None
    for path in sorted(merged.folder.iterdir()):
        if MODEL_FILES.fullmatch(path.name) and path.name not in NOT_COPIED and path.is_file():
            write_atomically(target / path.name, path.read_bytes())
    save_network(target, merged.networks[0])
    save_report(target, report)
    save_card(target, merged.task.name, report)


def lines(result: dict[str, Any], *, json: bool = False) -> Iterator[str]:
    """The scores of the runs and of their mean."""
    if json:
        yield as_json(result)
        return
    names = list(result["metrics"])
    rows = [[run, *map(float, each.values())] for run, each in result["members"].items()]
    rows.append([result["run"], *map(float, result["metrics"].values())])
    yield f"{result['task']} on {' '.join(result['files'])}, the mean of the weights last:"
    yield from table(["run", *names], rows)
