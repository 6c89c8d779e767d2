"""ostinato compare"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ostinato import options
from ostinato.commands.run.config import RunRequest, make_config
from ostinato.commands.run.progress import say
from ostinato.commands.run.records import records_as_files
from ostinato.commands.run.run_files import refuse_used
from ostinato.commands.tables import as_json, format_interval, number, table
from ostinato.commands.train import train as train_one
from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError, nearest
from ostinato.metrics import METRICS
from ostinato.metrics.significance import paired
from ostinato.signature import check_types
from ostinato.tasks import find_task
from ostinato.tasks.run_folder import Trained
from ostinato.tasks.task import TaskDefinition
from ostinato.tasks.unsuitable import Unsuitable
from ostinato.training.loop import TrainingDiverged

SIGNIFICANT = 0.05

EXAMPLES = (
    "ostinato compare classification --models bag-of-words,convolution,gru,lstm",
    "ostinato compare classification --train train.tsv --test test.tsv --time-limit 5m",
)


@check_types
def compare(
    task: str,
    *,
    train: list[str] = [],  # noqa: B006
    dev: list[str] = [],  # noqa: B006
    test: list[str] = [],  # noqa: B006
    models: str | None = None,
    out: str | None = None,
    recipe: str | None = None,
    time_limit: str | None = None,
    seed: int = 1,
    device: str = "cpu",
    overwrite: bool = False,
    **settings,
) -> dict[str, Any]:
    """Several models trained on the same data with the same budget, in one table and one figure.

    Args:
        task: what to learn; `ostinato tasks` lists them
        train: files to learn from; without any, the packaged sample
        dev: files to choose each model's best weights by; without any, a part of the training data,
            the same for all
        test: files to compare on; without any, the dev set
        models: names separated by commas: bag-of-words,convolution,rnn,gru,lstm (default: all of
            the task)
        out: the folder of compare.png and of the runs, one per model (default: runs/compare-TASK)
        recipe: settings that all models share: a packaged name, or a TOML file of options
        time_limit: each model stops after this long: 90s, 10m, 2h
        seed: the same for all models
        device: cpu, cuda, or auto
        overwrite: replace the runs that --out holds
    """
    chosen = find_task(task)
    folder = Path(out or f"runs/compare-{task}")
    names = parse_models(chosen.compare_models, models)
    with records_as_files(task, settings, train=train, dev=dev, test=test) as files:
        given: dict[str, Any] = {
            **files,
            "recipe": recipe,
            "time_limit": time_limit,
            "seed": seed,
            "device": device,
        }
        for name in names:  # an error in any of them is raised before any is trained
            check_model(chosen, name, given, settings)
            refuse_used(folder / name, overwrite, resumable=False)
        folder.mkdir(parents=True, exist_ok=True)
        arguments = {**given, **settings, "overwrite": overwrite}
        trained = train_models(chosen, names, folder, arguments, skip_unsuitable=models is None)
    metric = next(iter(next(iter(trained.values())).report["metrics"]))
    result = rank_models(task, metric, trained, seed)
    save_comparison(result, folder, trained)
    return result


def save_comparison(result: dict[str, Any], folder: Path, trained: dict[str, Trained]) -> None:
    """Writes the table and the figure; the result names files that could not be saved."""
    result["picture"] = str(folder / "compare.png")
    not_saved = [each.not_saved for each in trained.values() if each.not_saved]
    try:
        write_atomically(folder / "compare.json", (as_json(result) + "\n").encode())
        draw_scores(result, folder / "compare.png")
    except (InputError, OSError) as error:
        not_saved.append(str(error))
    if not_saved:  # `lines` shows the table before it raises this
        result["not_saved"] = not_saved[-1]


def check_model(
    task: TaskDefinition, name: str, given: dict[str, Any], settings: dict[str, Any]
) -> None:
    """Raises InputError if the model `name` cannot be trained with these settings."""
    compared = task.options.as_model(name)
    doubled = [options.as_flag(option) for option in compared if option in settings]
    if doubled:
        raise InputError(f"{', '.join(doubled)} is what is compared: name the models with --models")
    make_config(RunRequest(task.name, **given, settings={**settings, **compared}))


def train_models(
    task: TaskDefinition,
    names: Sequence[str],
    folder: Path,
    arguments: dict[str, Any],
    *,
    skip_unsuitable: bool,
) -> dict[str, Trained]:
    """Trains each model in a run folder of its name.

    Args:
        task: the definition of the task
        names: the names of the models
        folder: the folder for the runs
        arguments: the arguments of `train`, the same for all models
        skip_unsuitable: whether models that do not suit the data are left out

    Raises:
        InputError: no model can be trained.
    """
    trained: dict[str, Trained] = {}
    # closed-form models come first: they are fast, and may not suit the data
    for name in sorted(names, key=lambda name: name not in task.options.closed_form_models):
        say(f"{name}:")
        changes = {**arguments, **task.options.as_model(name)}
        try:
            trained[name] = train_one(task.name, out=str(folder / name), **changes)
        except (Unsuitable, TrainingDiverged) as error:
            if isinstance(error, Unsuitable) and not skip_unsuitable:
                raise
            say(f"note: {name} left out: {error}")
        except InputError as error:
            if not trained:
                raise
            runs = ", ".join(str(folder / done) for done in trained)
            raise InputError(f"{error} (trained and complete: {runs})") from error
    if not trained:
        raise InputError(
            f"none of {', '.join(names)} can be trained here; name others with --models"
        )
    return trained


def parse_models(known: Sequence[str], models: str | None) -> list[str]:
    """parse_models(("rnn", "gru"), "gru,rnn") -> ["gru", "rnn"]; None means all `known` models.

    `known` are the models that the task compares by default. Other names are checked by its
    options.
    """
    names = list(
        dict.fromkeys(
            name.strip()
            for name in (",".join(known) if models is None else models).split(",")
            if name.strip()
        )
    )
    if not names:
        raise InputError(f"{options.option_name('models')}: names none{nearest('', known)}")
    return names


def rank_models(task: str, metric: str, models: dict[str, Trained], seed: int) -> dict[str, Any]:
    """Ranks the models, best first, each with the p-value of its difference from the best."""
    sign = -1 if METRICS[metric].higher_is_better else 1
    names = sorted(models, key=lambda name: sign * models[name].report["metrics"][metric])
    best = models[names[0]]
    rows = []
    for name in names:
        report, counts = models[name].report, models[name].counts[metric]
        p = (
            None
            if name == names[0]
            else paired(METRICS[metric], counts, best.counts[metric], seed=seed)
        )
        rows.append(
            {
                "model": name,
                "score": report["metrics"][metric],
                "interval": report["intervals"][metric],
                "p": p,
                "metrics": report["metrics"],
                "intervals": report["intervals"],
                "seconds": report["seconds"],
                "parameters": report["parameters"],
                "run": report["run"],
            }
        )
    return {
        "task": task,
        "metric": metric,
        "examples": len(best.counts[metric]),
        "tested_on": best.report["tested_on"],
        "seed": seed,
        "best": names[0],
        "models": rows,
    }


def draw_scores(result: dict[str, Any], path: Path) -> None:
    """Draws the score and interval of each model, best on top.

    Models that are not significantly worse than the best have its colour."""
    from matplotlib.figure import Figure

    rows = result["models"][::-1]
    figure = Figure(figsize=(7, 1.2 + 0.45 * len(rows)), layout="constrained")
    panel = figure.subplots()
    for y, row in enumerate(rows):
        low, high = row["interval"]
        high = row["score"] if high is None else high
        colour = "C0" if row["p"] is None or row["p"] >= SIGNIFICANT else "0.5"
        panel.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
        panel.plot([row["score"]], [y], marker="o", color=colour)
        panel.annotate(f" {number(float(row['score']))}", (high, y), va="center", fontsize=9)
    panel.set_yticks(range(len(rows)), [f"{row['model']} ({row['seconds']:.0f} s)" for row in rows])
    panel.set(
        xlabel=f"{result['metric']} with its 95 % interval",
        title=result["task"],
        ylim=(-0.6, len(rows) - 0.4),
    )
    panel.margins(x=0.15)
    panel.grid(axis="x", alpha=0.3)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=120))


def lines(result: dict[str, Any], *, json: bool = False) -> Iterator[str]:
    """The table of models, best first; then InputError if its files could not be saved."""
    yield from [as_json(result)] if json else tabulate(result)
    if "not_saved" in result:
        raise InputError(result["not_saved"])


def tabulate(result: dict[str, Any]) -> Iterator[str]:
    """The table of models for people."""
    rows = []
    for row in result["models"]:
        low, high = row["interval"]
        rows.append(
            [
                row["model"],
                float(row["score"]),
                format_interval(low, high),
                float(row["seconds"]),
                row["parameters"],
                "best" if row["p"] is None else number(float(row["p"])),
            ]
        )
    yield from table(
        ["model", result["metric"], "95 % interval", "seconds", "parameters", "p against the best"],
        rows,
    )
    yield (
        f"measured on {result['tested_on']}; p: probability of so large a difference by chance; "
        f"figure: {result['picture']}"
    )
