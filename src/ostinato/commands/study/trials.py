"""The trials of a study: each trains one model in its own run folder and reports its dev scores.

Optuna (Akiba et al. 2019) proposes the settings, by the tree-structured Parzen estimator (Bergstra
et al. 2011), and stops trials whose dev score is below the median of the others at the same share
of their budget. The study is one SQLite file, which several processes share."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ostinato.commands.run.config import RunRequest
from ostinato.commands.run.prepare import open_run
from ostinato.commands.run.progress import say, silence_notices
from ostinato.commands.run.report import finish
from ostinato.commands.run.run_files import is_resumable, is_run
from ostinato.commands.run.training_run import TrainingRun
from ostinato.commands.study.study_plan import (
    StudyLimits,
    StudyPlan,
    default_settings,
    resume_command,
)
from ostinato.errors import InputError, Interrupted
from ostinato.metrics import METRICS
from ostinato.tasks.run_folder import Trained
from ostinato.tasks.unsuitable import Unsuitable
from ostinato.training.loop import Progress, TrainingDiverged

if TYPE_CHECKING:
    import optuna

DATABASE, TRIALS = "study.db", "trials"
SHARES = 10  # dev scores are compared at each tenth of a trial's budget
LEAST_SHARE = 3  # the first tenth at which a trial may be pruned
LEAST_TRIALS = 4  # no trial is pruned before this many are complete
SHORTEST = 0.5  # no trial is begun if less than this fraction of its time limit is left


class HopelessTrial(Exception):
    """The dev scores of a trial are below the median of the others."""


def open_study(folder: Path) -> optuna.Study:
    """The Optuna study of the folder; it is created if it does not exist.

    Raises:
        InputError: Optuna is not installed, or the file is not a study.
    """
    try:
        import optuna
        import sqlalchemy.exc
    except ImportError:
        raise InputError(
            "a search needs optuna: pip install 'ostinato[search]', or pip install optuna"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = (folder / DATABASE).absolute()
    try:
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 60}}
        )
        return optuna.create_study(
            study_name="ostinato",
            storage=storage,
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=LEAST_TRIALS, n_warmup_steps=LEAST_SHARE - 1
            ),
        )
    except (sqlalchemy.exc.SQLAlchemyError, RuntimeError):
        raise InputError(
            f"{path}: cannot be read or written as a study; choose another --out"
        ) from None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """A lock: only one process of the study at a time runs the `with` block."""
    with (folder / "ask.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def requeue_interrupted(folder: Path) -> int:
    """Queues the trials of processes that were interrupted again, and returns their number.

    Each continues in its own run folder. No process of the study may be running."""
    import optuna

    study = open_study(folder)
    left = study.get_trials(states=(optuna.trial.TrialState.RUNNING,))
    for trial in left:
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params, user_attrs=dict(trial.user_attrs))
    return len(left)


def run_trials(folder: Path, plan: StudyPlan, limits: StudyLimits) -> None:
    """Runs trials until the number of trials or the deadline is reached.

    Raises:
        InputError: A trial cannot be trained, and none was complete before it.
        Interrupted: A signal was received; the trial is saved and continues with --resume.
    """
    study = open_study(folder)
    while True:
        seconds = trial_seconds(plan, limits)
        if seconds is not None and seconds <= 0:
            return
        trial = ask_trial(folder, study, plan, limits)
        if trial is None:
            return
        run_trial(folder, study, trial, plan, seconds)


def trial_seconds(plan: StudyPlan, limits: StudyLimits) -> float | None:
    """The time limit of the next trial in seconds: None if unlimited, 0 if none should begin."""
    if limits.deadline is None:
        return plan.trial_seconds
    left = limits.deadline - time.time()
    if plan.trial_seconds is None:
        return max(0.0, left)
    return min(left, plan.trial_seconds) if left >= SHORTEST * plan.trial_seconds else 0.0


def ask_trial(
    folder: Path, study: optuna.Study, plan: StudyPlan, limits: StudyLimits
) -> optuna.Trial | None:
    """The next trial, or None if the study has all of its trials.

    The proposal depends only on the seed and the trials before it, so that a resumed study is the
    same as an uninterrupted one."""
    import optuna

    states = optuna.trial.TrialState
    with alone(folder):
        trials = study.get_trials(deepcopy=False)
        waiting = sum(trial.state == states.WAITING for trial in trials)
        counted = sum(trial.state not in (states.FAIL, states.WAITING) for trial in trials)
        if counted >= limits.trials:
            return None
        if not counted and not waiting:
            study.enqueue_trial(default_settings(plan))
        study.sampler = optuna.samplers.TPESampler(
            seed=(plan.seed * 1_000_003 + counted) % 2**32, constant_liar=True
        )
        trial = study.ask()
        settings = {name: entry.suggest(trial, name) for name, entry in plan.search_space.items()}
        if "folder" not in trial.user_attrs:
            trial.set_user_attr("folder", f"{counted:04}")
            trial.set_user_attr("settings", settings)
        return trial


def run_trial(
    folder: Path,
    study: optuna.Study,
    trial: optuna.Trial,
    plan: StudyPlan,
    seconds: float | None,
) -> None:
    """Trains one trial, in its own run folder, and tells the study its score."""
    from optuna.trial import TrialState

    path = folder / TRIALS / trial.user_attrs["folder"]
    resume = is_run(path) and is_resumable(path)  # a resumed trial keeps its time limit
    request = plan.request(trial.user_attrs["settings"], None if resume else seconds)
    began = time.monotonic()
    try:
        trained = train_trial(path, request, trial, resume=resume)
    except HopelessTrial:
        close(study, trial, began, TrialState.PRUNED, why="below the median")
    except (TrainingDiverged, Unsuitable) as error:
        close(study, trial, began, TrialState.PRUNED, why=str(error))
    except Interrupted as stop:
        raise Interrupted(
            f"trial {trial.number} is saved; continue with: {resume_command(folder, plan)}",
            stop.status,
        ) from None
    except InputError as error:
        close(study, trial, began, TrialState.PRUNED, why=str(error))
        if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            raise
    else:
        metric = trained.task.choose_metric(trained.report["metrics"])
        score = trained.report["metrics"][metric]
        trial.set_user_attr("metric", metric)
        trial.set_user_attr("score", score)
        trial.set_user_attr("interval", trained.report["intervals"].get(metric))
        trial.set_user_attr("parameters", trained.report["parameters"])
        value = score if METRICS[metric].higher_is_better else -score
        close(study, trial, began, TrialState.COMPLETE, value=value)


def train_trial(path: Path, request: RunRequest, trial: optuna.Trial, *, resume: bool) -> Trained:
    """Trains in the folder, or resumes the run there."""
    quiet = silence_notices() if trial.number else nullcontext()
    with quiet, open_run(path, request, resume=resume, overwrite=False) as run:
        watch = MedianWatch(trial, run)
        run.after_score = watch
        run.train()
        run.interrupt.exit_at_once("trained, but not reported on")
        return finish(run)


def close(
    study: optuna.Study,
    trial: optuna.Trial,
    began: float,
    state: Any,
    *,
    value: float | None = None,
    why: str = "",
) -> None:
    """Records the final state of a trial in the study."""
    trial.set_user_attr("seconds", round(time.monotonic() - began, 1))
    if why:
        trial.set_user_attr("why", why)
    study.tell(trial, value, state=state)
    say(describe_end(trial.number, trial.user_attrs, state.name.lower()))


def describe_end(number: int, attributes: dict[str, Any], state: str) -> str:
    """The line on stderr for a trial that has ended."""
    settings = ", ".join(f"{name} {short(value)}" for name, value in attributes["settings"].items())
    if "score" in attributes:
        result = f"{attributes['metric']} {attributes['score']:.4g}"
    else:
        result = f"{state}: {attributes['why']}"
    return f"trial {number}, {attributes['seconds']:.0f} s: {result} ({settings})"


def short(value: Any) -> str:
    """short(0.0012345) -> "0.00123" """
    return f"{value:.3g}" if isinstance(value, float) else str(value)


class MedianWatch:
    """The median stopping rule: ends a trial whose best dev score so far is below the median.

    The median is that of the other trials after the same fraction of their time or epochs.

    Args:
        trial: The trial that scores are reported to.
        run: The training run of the trial.
    """

    def __init__(self, trial: optuna.Trial, run: TrainingRun) -> None:
        self.trial, self.run, self.reported = trial, run, 0

    def __call__(self, progress: Progress) -> None:
        """Reports the best dev score so far at each tenth of the budget.

        Raises:
            HopelessTrial: The trial is stopped; its run is saved and can be resumed.
        """
        done = min(1.0, self.run.schedule.fraction_done(progress.epoch))
        share = int(done * SHARES + 1e-9)
        for each in range(self.reported + 1, share + 1):
            self.trial.report(max(self.run.schedule.scores), each)
        self.reported = max(self.reported, share)
        if share < SHARES and self.trial.should_prune():
            self.run.try_to_save(progress)
            raise HopelessTrial
