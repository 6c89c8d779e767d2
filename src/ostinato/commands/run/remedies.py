"""Remedies against vanishing and exploding gradients, compared on the same data and seed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ostinato import options
from ostinato.commands.run.default_files import tested_files
from ostinato.commands.run.inspected_records import read_file
from ostinato.commands.run.progress import say, track
from ostinato.commands.run.recall_problem import (
    LAGS,
    MOMENTUM,
    RATE,
    REMEDIES,
    STEPS,
    SYMBOLS,
    try_remedy,
)
from ostinato.commands.run.subject import build_subject
from ostinato.errors import InputError, nearest
from ostinato.inspection.selection import Selection
from ostinato.inspection.view import View
from ostinato.inspection.views import one_thread
from ostinato.inspection.views.gradients import view_gradients
from ostinato.inspection.views.lags import view_lags
from ostinato.inspection.views.remedies import Trial, view_remedies
from ostinato.tasks import TASKS
from ostinato.tasks.run_folder import Trained
from ostinato.tasks.task import TaskDefinition
from ostinato.training.curves import read_curves
from ostinato.training.loop import TrainingDiverged

REMEDY_VIEW = "remedies"  # its name
PROBLEM = "recall"
SECONDS = "8s"  # of each remedy of a task
MOST_STEPS = 500  # of the example whose gradients are shown
# settings of `train` for each remedy; remedies with options that a task lacks are left out
SETTINGS: dict[str, dict[str, Any]] = {
    "RNN, no clipping": {"cell": "rnn", "clip_norm": None, "clip_value": None},
    "RNN, clipped by norm": {"cell": "rnn", "clip_norm": 1.0, "clip_value": None},
    "RNN, clipped by value": {"cell": "rnn", "clip_norm": None, "clip_value": 0.01},
    "RNN, truncated after 10": {"cell": "rnn", "clip_norm": 1.0, "chunk": 10},
    "GRU": {"cell": "gru", "clip_norm": 1.0, "clip_value": None},
    "LSTM": {"cell": "lstm", "clip_norm": 1.0, "clip_value": None},
}


def compare_remedies(name: str, files: Sequence[str], *, seed: int, time_limit: str | None) -> View:
    """Compares the remedies on the built-in problem, or on a task.

    Args:
        name: "recall", or the name of a task.
        files: The training files of the task; if empty, its packaged sample.
        seed: The seed, the same for all remedies.
        time_limit: The training time of each remedy on a task; the built-in problem has a fixed
            number of steps.

    Raises:
        InputError: There is no such problem or task, or the task has no recurrent cell.
    """
    if name in ("", PROBLEM):
        if files or time_limit:
            given = "a file" if files else options.as_flag("time_limit")
            raise InputError(f"{given} is for the remedies of a task; {PROBLEM} has its own data")
        return compare_on_recall(seed)
    if name not in TASKS:
        raise InputError(f"remedies: no problem or task {name!r}{nearest(name, [PROBLEM, *TASKS])}")
    return compare_on_task(TASKS[name], files, seed, time_limit or SECONDS)


def compare_on_recall(seed: int) -> View:
    """Compares the remedies on the recall problem; see `recall_problem`."""
    with one_thread():
        trials = [try_remedy(remedy, seed=seed) for remedy in track(REMEDIES, "training")]
    notes = [
        f"One of {SYMBOLS} symbols, shown at the first step, is to be named after {LAGS[0]} to "
        f"{LAGS[-1]} steps of noise; chance is {1 / SYMBOLS:.3g}. All have the same data, seed "
        f"{seed}, {STEPS} steps of gradient descent (rate {RATE:g}, momentum {MOMENTUM:g}).",
    ]
    return view_remedies(trials, "Remedies against vanishing and exploding gradients", notes)


def compare_on_task(task: TaskDefinition, files: Sequence[str], seed: int, time_limit: str) -> View:
    """Compares the remedies on a task: each is trained for the same time, then inspected."""
    known = {*options.fields(task.options)}
    if "cell" not in known:
        raise InputError(f"task {task.name} has no recurrent cell that could be exchanged")
    trained_options = {"clip_norm", "clip_value"}
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, settings) in enumerate(SETTINGS.items()):
            if set(settings) <= known | trained_options:
                say(f"{name}:")
                arguments = {"train": list(files), "seed": seed, "time_limit": time_limit}
                trials.append(
                    try_settings(task, name, Path(folder) / str(number), arguments, settings)
                )
    notes = [
        f"Task {task.name}, the same data and seed {seed} for all, {time_limit} of training each.",
    ]
    return view_remedies(trials, f"Remedies on the task {task.name}", notes)


def try_settings(
    task: TaskDefinition,
    name: str,
    folder: Path,
    arguments: dict[str, Any],
    settings: dict[str, Any],
) -> Trial:
    """Trains with the settings of a remedy, and inspects the first example of the test or dev
    set.
    """
    from ostinato.commands.train import train

    trial = Trial(name)
    try:
        # without averaged or best weights, which would hide what happened in training
        trained = train(task.name, out=str(folder), tensorboard=False, **arguments, **settings)
    except TrainingDiverged:
        trained = None
    log = read_curves(folder / "training" / "log.jsonl")
    steps = [record for record in log if "loss" in record]
    trial.losses = [record["loss"] for record in steps]
    trial.norms = [record["gradient_norm"] for record in steps]
    trial.seconds = sum(record["seconds"] for record in steps)
    if trained is None:
        trial.diverged_at = len(steps) + 1
        return trial
    metric = trained.task.definition.metrics[0]
    trial.score_name, trial.score = metric, trained.report["metrics"][metric]
    trial.after, trial.missing = look_at_example(trained)
    return trial


def look_at_example(trained: Trained) -> tuple[list[float], list[float]]:
    """|dL/dh_t| of a test example [T], and the error of dL/dW by truncation."""
    task = trained.task
    [file, *more] = tested_files(
        trained, "the files that it was tested on are gone", any_examples=True
    )
    if hasattr(task.preprocessing, "prompt_ids"):
        record = read_file(task, file, 1)[0]  # the beginning of the text
    else:
        record = task.reader.read([file, *more])[0]
    subject = build_subject(trained, [record], steps=MOST_STEPS)
    with one_thread():
        gradients = view_gradients(subject, Selection()).data["layers"][0]
        lags = view_lags(subject, Selection()).data["layers"][0]
    return gradients["loss_gradient"]["hidden"], lags["missing"]
