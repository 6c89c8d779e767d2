"""The plan of a study: what is searched, on what data, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostinato.commands.run.config import RunConfig, RunRequest, make_config
from ostinato.commands.study.search_space import SearchSpace, known_options, space_from_dict
from ostinato.errors import InputError
from ostinato.tasks import find_task
from ostinato.tasks.run_folder import read_json
from ostinato.training.options import LEARNING_RATES

PLAN = "search.json"


@dataclass(frozen=True)
class StudyPlan:
    """The settings of a study; saved as search.json.

    Attributes:
        task: The name of the task.
        train: Training files; if empty, the packaged sample.
        dev: Dev files, on which trials are compared; if empty, a held-out part of the training
            data.
        recipe: Settings that all trials share.
        settings: Options that all trials share.
        space: The search space, in the form of `space_to_dict`.
        trial_seconds: The time limit of a trial; None if only its epochs limit it.
        seed: The seed of the proposals and of each trial.
        device: The device that the trials run on.
    """

    task: str
    train: list[str]
    dev: list[str]
    recipe: str | None
    settings: dict[str, Any]
    space: dict[str, dict[str, Any]]
    trial_seconds: float | None
    seed: int
    device: str

    @property
    def search_space(self) -> SearchSpace:
        return space_from_dict(self.space)

    def request(self, changes: dict[str, Any], seconds: float | None) -> RunRequest:
        """The training run of a trial with these settings and this time limit."""
        return RunRequest(
            self.task,
            self.train,
            self.dev,
            recipe=self.recipe,
            time_limit=None if seconds is None else f"{seconds:.3f}",
            seed=self.seed,
            device=self.device,
            settings={**self.settings, **changes},
        )

    def base_config(self) -> RunConfig:
        """The configuration that the trials vary."""
        return make_config(self.request({}, None))


@dataclass(frozen=True)
class StudyLimits:
    """When a study ends: after `trials` trials, or at `deadline` in the units of time.time()."""

    trials: int
    deadline: float | None = None


def read_plan(folder: Path) -> StudyPlan:
    """The plan of the study in a folder.

    Raises:
        InputError: The folder has no study, or a damaged one.
    """
    if not (folder / PLAN).is_file():
        raise InputError(f"{folder}: no study to resume; leave out --resume to start one")
    try:
        return StudyPlan(**read_json(folder / PLAN))
    except TypeError:
        raise InputError(f"{folder / PLAN}: damaged; choose another --out") from None


def default_settings(plan: StudyPlan) -> dict[str, Any]:
    """The settings of the first trial: the task's defaults, or the nearest values in the space."""
    known = known_options(find_task(plan.task))
    values = {name: each.default for name, each in known.items()} | plan.base_config().values
    rate = LEARNING_RATES[values["optimizer"]]
    values["learning_rate"] = values["learning_rate"] or rate
    return {name: entry.nearest(values[name]) for name, entry in plan.search_space.items()}


def resume_command(folder: Path, plan: StudyPlan) -> str:
    """The command that continues the study."""
    return f"ostinato search {plan.task} --out {folder} --resume"
