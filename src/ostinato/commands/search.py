"""ostinato search"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ostinato import options
from ostinato.commands.run.config import absolute_paths, parse_duration
from ostinato.commands.run.records import records_as_files
from ostinato.commands.run.run_files import refuse_odd_name
from ostinato.commands.study.search_space import default_space, read_space, space_to_dict
from ostinato.commands.study.study_plan import PLAN, StudyLimits, StudyPlan, read_plan
from ostinato.commands.study.study_report import (
    build_study_report,
    study_lines,
    write_study_report,
)
from ostinato.commands.study.trials import open_study, requeue_interrupted, run_trials
from ostinato.commands.study.worker import run_workers
from ostinato.commands.tables import as_json
from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError
from ostinato.signature import check_types
from ostinato.tasks import find_task
from ostinato.training.lock import NAME as LOCK
from ostinato.training.lock import locked

EXAMPLES = (
    "ostinato search classification --trials 30 --trial-time-limit 60s --processes 2",
    "ostinato search tagging --train train.conll --dev dev.conll --time-limit 1h --out study",
    "ostinato search tagging --out study --resume --trials 60      # continues and adds trials",
    "ostinato search language --space space.toml --layers 2      # what varies, and what does not",
)


@check_types
def search(
    task: str,
    *,
    train: list[str] = [],  # noqa: B006
    dev: list[str] = [],  # noqa: B006
    out: str | None = None,
    trials: int = 20,
    time_limit: str | None = None,
    trial_time_limit: str | None = None,
    processes: int = 1,
    space: str | None = None,
    recipe: str | None = None,
    seed: int = 1,
    device: str = "cpu",
    resume: bool = False,
    **settings,
) -> dict[str, Any]:
    """Searches for good settings: trains many models, and saves the best by dev score as a recipe.

    Settings are proposed by the tree-structured Parzen estimator; trials below the median are
    stopped early. The first trial has the task's defaults. The test set is not used.

    Args:
        task: what to learn; `ostinato tasks` lists them
        train: files to learn from; without any, the packaged sample
        dev: files that the trials are judged on; without any, a part of the training data, the
            same for all
        out: the folder of the study, with a run folder for each trial (default:
            runs/search-TASK)
        trials: total number of trials, including those before --resume
        time_limit: stop after this long: 90s, 10m, 2h
        trial_time_limit: each trial stops after this long (default with --time-limit: an equal
            share)
        processes: number of trials at a time, which share the processor's cores
        space: a TOML file of options and their values: [dropout] low = 0.0, high = 0.6
            (default: learning rate, cell, sizes and regularisation around the defaults)
        recipe: settings that all trials share: a packaged name, or a TOML file of options
        seed: seed of the proposals and of each trial
        device: cpu, cuda, or auto
        resume: continue the study in --out
    """
    folder = Path(out or f"runs/search-{task}")
    limits = check_limits(trials, processes, time_limit)
    with records_as_files(task, settings, train=train, dev=dev) as files:
        if resume:
            plan = resume_plan(
                folder, task, {**files, "space": space, "recipe": recipe, **settings}
            )
        else:
            each = share_time(trial_time_limit, time_limit, trials, processes)
            plan = make_plan(task, files, space, recipe, settings, each, seed, device)
            refuse_odd_name(folder)
            refuse_used_study(folder)
        with locked(folder):
            if not resume:
                content = as_json(asdict(plan)) + "\n"
                write_atomically(folder / PLAN, content.encode())
            return run_study(folder, plan, limits, processes)


def run_study(folder: Path, plan: StudyPlan, limits: StudyLimits, processes: int) -> dict[str, Any]:
    """Runs the remaining trials of a study, and reports on all of them."""
    open_study(folder)
    requeue_interrupted(folder)
    if processes == 1:
        run_trials(folder, plan, limits)
    else:
        run_workers(folder, limits, processes)
    report = build_study_report(folder, plan)
    write_study_report(folder, report, plan)
    return report


def check_limits(trials: int, processes: int, time_limit: str | None) -> StudyLimits:
    """Checks the limits of a study; InputError for numbers out of range."""
    for name, value, most in (("trials", trials, 100_000), ("processes", processes, 256)):
        if not 1 <= value <= most:
            raise InputError(
                f"{options.option_name(name)} must be from 1 to {most:,}; got {value:,}"
            )
    deadline = None if time_limit is None else time.time() + parse_duration(time_limit)
    return StudyLimits(trials, deadline)


def share_time(
    trial_time_limit: str | None, time_limit: str | None, trials: int, processes: int
) -> float | None:
    """The time limit of a trial in seconds: as given, or an equal share of the whole time."""
    if trial_time_limit is not None:
        return parse_duration(trial_time_limit)
    if time_limit is None:
        return None
    return parse_duration(time_limit) * processes / trials


def make_plan(
    task: str,
    files: dict[str, list[str]],
    space: str | None,
    recipe: str | None,
    settings: dict[str, Any],
    seconds: float | None,
    seed: int,
    device: str,
) -> StudyPlan:
    """The plan of a new study, checked.

    Raises:
        InputError: An option is unknown or invalid, or is both given and varied.
    """
    definition = find_task(task)
    given = {name: absolute_paths(each) for name, each in files.items()}
    plan = StudyPlan(
        task,
        **given,
        recipe=recipe,
        settings=settings,
        space={},
        trial_seconds=seconds,
        seed=seed,
        device=device,
    )
    values = plan.base_config().values
    if space is None:
        found = default_space(definition, values)
        found = {name: entry for name, entry in found.items() if name not in settings}
    else:
        found = read_space(space, definition)
        doubled = [options.option_name(name) for name in found if name in settings]
        if doubled:
            raise InputError(
                f"{', '.join(doubled)}: given, and varied by {space}; drop one of them"
            )
    return StudyPlan(**{**asdict(plan), "space": space_to_dict(found)})


def refuse_used_study(folder: Path) -> None:
    """Raises InputError for a folder that is not empty."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file; name a folder with --out")
    if (folder / PLAN).is_file():
        raise InputError(
            f"{folder}: holds a study already; --resume continues it, or choose another --out"
        )
    if folder.is_dir() and any(path.name != LOCK for path in folder.iterdir()):
        raise InputError(f"{folder}: holds files other than a study; choose another --out")


def resume_plan(folder: Path, task: str, given: dict[str, Any]) -> StudyPlan:
    """Reads the plan of the study in the folder, to resume it.

    Raises:
        InputError: A study of another task, or settings that would make it another study.
    """
    plan = read_plan(folder)
    if plan.task != task:
        raise InputError(f"{folder}: a study of task {plan.task}, not {task}")
    changed = [options.option_name(name) for name, value in given.items() if value]
    if changed:
        raise InputError(
            f"{', '.join(changed)} cannot change when a study is resumed; leave out what is as "
            "before, or start another study with another --out"
        )
    return plan


def lines(report: dict[str, Any], *, json: bool = False) -> Iterator[str]:
    """The best trials and what to do next."""
    if json:
        yield as_json(report)
    else:
        yield from study_lines(report)
