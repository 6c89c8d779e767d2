"""Prepares a training run: checks the request, locks the folder, loads the checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import torch

from ostinato.commands.run.command_beginning import take_command_beginning
from ostinato.commands.run.config import RunConfig, RunRequest, make_config
from ostinato.commands.run.device import choose_device
from ostinato.commands.run.digests import digest_files, digest_json, list_contents
from ostinato.commands.run.embedding_cache import keep_embeddings
from ostinato.commands.run.parts import Parts, adapt_to_data, build_parts
from ostinato.commands.run.processes import check_several
from ostinato.commands.run.progress import hold_notices
from ostinato.commands.run.replaced_run import set_aside, settle
from ostinato.commands.run.resume import (
    describe_changed_files,
    describe_schedule_change,
    resume_config,
)
from ostinato.commands.run.run_files import (
    TRAINING,
    read_config,
    refuse_links,
    refuse_used,
    remove_run,
    save_config,
)
from ostinato.commands.run.splits import Splits
from ostinato.commands.run.time_budget import (
    TimeBudget,
    fit_baseline,
    measure_slowness,
    plan_budget,
)
from ostinato.commands.run.training_run import TrainingRun
from ostinato.data.files.wording import pluralise
from ostinato.notices import collect_notices, notify
from ostinato.tasks import run_folder
from ostinato.tasks.kept_files import read_kept
from ostinato.tasks.task import Task
from ostinato.training import checkpoint
from ostinato.training.checkpoint import Checkpoint
from ostinato.training.curves import Curves
from ostinato.training.distributed import TIMEOUT
from ostinato.training.group import ProcessGroup, join, read_launched, refuse_differences
from ostinato.training.interrupt import interruptible
from ostinato.training.lock import locked
from ostinato.training.loop import BEGINNING
from ostinato.training.schedule import Schedule

SAVING = "saving a checkpoint after this step; Ctrl-C again to stop at once"


class CheckedRun(NamedTuple):
    """A run that has passed all checks; its folder is still unchanged.

    Attributes:
        config: the configuration requested now
        saved_config: the configuration of the run before it was resumed; None for a new run
        group: the processes that train together
        parts: the parts of the run
        continues: whether the run continues from a checkpoint
    """

    config: RunConfig
    saved_config: RunConfig | None
    group: ProcessGroup
    parts: Parts
    continues: bool


@contextmanager
def open_run(
    folder: Path,
    request: RunRequest,
    *,
    resume: bool,
    overwrite: bool,
    timeout: timedelta = TIMEOUT,
) -> Iterator[TrainingRun]:
    """A run that is ready to train. Its folder is locked until the `with` block ends."""
    with ExitStack() as stack:
        yield prepare_run(
            stack, folder, request, resume=resume, overwrite=overwrite, timeout=timeout
        )


def prepare_run(
    stack: ExitStack,
    folder: Path,
    request: RunRequest,
    *,
    resume: bool,
    overwrite: bool,
    timeout: timedelta,
) -> TrainingRun:
    """Checks and prepares everything; only then is the folder locked and written to."""
    start_time = take_command_beginning()
    notices = stack.enter_context(collect_notices())
    until_checked = stack.enter_context(ExitStack())
    until_checked.enter_context(hold_notices())
    checked = check_run(
        stack, folder, request, start_time, resume=resume, overwrite=overwrite, timeout=timeout
    )
    config, parts, group, continues = (
        checked.config,
        checked.parts,
        checked.group,
        checked.continues,
    )
    # after all checks: only now is the folder written to
    lock = stack.enter_context(locked(folder)) if group.is_main else None
    interrupt = stack.enter_context(interruptible(SAVING))
    if lock is not None:
        take_over(stack, folder, checked, overwrite=overwrite or resume)
    group.wait()
    loaded = load_checkpoint(folder, parts) if continues else Checkpoint(BEGINNING)
    if continues and request.time_limit is not None and config.time_limit is not None:
        # the new settings hold from now on
        config = replace(config, time_limit=loaded.seconds + config.time_limit)
    if lock is not None and continues and config != checked.saved_config:
        save_config(folder, config)  # so that the next --resume has the new end as well
    until_checked.close()
    slowness = measure_slowness(time.monotonic() - start_time)
    budget = make_budget(folder, config, parts, group, slowness)
    schedule = make_schedule(config, parts, loaded, budget, start_time)
    if continues and checked.saved_config is not None:
        notify_of_schedule_change(checked.saved_config, parts, schedule, loaded)
    describe_processes(group, config, loaded)
    curves = stack.enter_context(open_curves(folder, parts, loaded, continues)) if lock else None
    stack.enter_context(keep_embeddings(parts.network, parts.task.options, folder))
    return TrainingRun(
        folder,
        config,
        **parts._asdict(),
        schedule=schedule,
        budget=budget,
        curves=curves,
        interrupt=interrupt,
        lock=lock,
        resumed_from=loaded,
        notices=notices,
        tokens=loaded.counters.get("tokens", 0),
        training_seconds=loaded.counters.get("training_seconds", 0.0),
        epochs_seen=loaded.counters.get("epoch", 0.0),
        group=group,
    )


def check_run(
    stack: ExitStack,
    folder: Path,
    request: RunRequest,
    start_time: float,
    *,
    resume: bool,
    overwrite: bool,
    timeout: timedelta,
) -> CheckedRun:
    """Reads and builds everything that a run needs, without writing; InputError for any problem."""
    if resume:
        refuse_links(folder)
    saved_config = read_config(folder, request.task) if resume else None
    config = make_config(request) if saved_config is None else resume_config(saved_config, request)
    config = replace(config, contents=list_contents(config.files))
    if saved_config and (notice := describe_changed_files(saved_config, config.contents or {})):
        notify(notice)
    launched = read_launched()
    device = choose_device(config.device, launched.local_rank)
    check_several(config, launched.size)
    if not resume and launched.rank == 0:
        refuse_used(folder, overwrite)
    group = stack.enter_context(join(launched, device, timeout=timeout))
    # a run that was stopped before its first checkpoint starts from the beginning
    continues = resume and checkpoint.exists(folder / TRAINING)
    parts = build_parts(folder, config, device, continues=continues, start_time=start_time)
    compare_processes(group, config, parts, continues)
    return CheckedRun(config, saved_config, group, parts, continues)


def take_over(stack: ExitStack, folder: Path, checked: CheckedRun, *, overwrite: bool) -> None:
    """Clears a locked folder for a new run; a run that continues keeps its files."""
    settle(folder)  # completes what a killed process began
    stack.callback(settle, folder)
    if not checked.continues:
        refuse_used(folder, overwrite)  # another process may have started a run here
        begin_folder(folder, checked.config, checked.parts.task, checked.parts.splits)


def make_schedule(
    config: RunConfig, parts: Parts, loaded: Checkpoint, budget: TimeBudget, start_time: float
) -> Schedule:
    """Builds the schedule of the run, at the step of its checkpoint."""
    return Schedule(
        parts.options,
        config.time_limit,
        loaded.seconds + time.monotonic() - start_time,
        list(loaded.scores),
        # resuming without a new time limit does not continue a run that ended by its time limit
        reserve=max(budget.reserve, loaded.counters.get("reserve", 0.0)),
    )


def notify_of_schedule_change(
    saved_config: RunConfig, parts: Parts, schedule: Schedule, loaded: Checkpoint
) -> None:
    """Notifies if the resumed run has another schedule than before."""
    options = adapt_to_data(saved_config.build_options(), saved_config, parts.batches)
    before = Schedule(options, saved_config.time_limit, schedule.seconds_before)
    if notice := describe_schedule_change(before, schedule, loaded):
        notify(notice)


def compare_processes(
    group: ProcessGroup, config: RunConfig, parts: Parts, continues: bool
) -> None:
    """Raises InputError if the processes have different configurations, data or checkpoints."""
    if group.size == 1:
        return
    found = {
        "options": digest_json([config.task, config.values, config.seed, config.processes]),
        "training data": digest_files(config.train),
        "examples": digest_json(
            [len(parts.splits.train), len(parts.batches), parts.task.preprocessing.to_dict()]
        ),
        "checkpoints in the run folder": digest_json(continues),
    }
    refuse_differences(group, found)


def describe_processes(group: ProcessGroup, config: RunConfig, loaded: Checkpoint) -> None:
    """Notifies of the number of processes and threads, unless it is one process as before."""
    threads = torch.get_num_threads()
    if group.size > 1 or config.processes > 1:
        notify(
            f"{group.size} {'process' if group.size == 1 else 'processes'} with {threads} "
            f"{pluralise('thread', threads)} each; a step reads {config.processes} times "
            "--batch-size or --batch-tokens"
        )
    before = loaded.counters.get("threads", threads)
    if before != threads:
        notify(
            f"resumed with {threads} {pluralise('thread', threads)}, {before} before: sums are "
            "rounded in another order"
        )


def open_curves(folder: Path, parts: Parts, loaded: Checkpoint, continues: bool) -> Curves:
    return Curves(
        folder / TRAINING,
        resumed_step=loaded.position.step if continues else None,
        tensorboard=parts.options.tensorboard,
    )


def make_budget(
    folder: Path, config: RunConfig, parts: Parts, group: ProcessGroup, slowness: float
) -> TimeBudget:
    """The time budget of the run, as measured by process 0."""
    budget = TimeBudget(config.time_limit)
    if group.is_main and config.time_limit is not None:
        baseline = run_folder.load_baseline(folder, parts.task)
        budget = plan_budget(
            config.time_limit, parts.task, parts.network, baseline, parts.splits, slowness
        )
    return TimeBudget(**group.share(asdict(budget)))


def load_checkpoint(folder: Path, parts: Parts) -> Checkpoint:
    """Restores network, optimizer and random states."""
    if parts.optimizer is None:
        raise ValueError("a model that is fitted in closed form has no checkpoints")
    return checkpoint.load(folder / TRAINING, parts.network, parts.optimizer)


def begin_folder(folder: Path, config: RunConfig, task: Task, splits: Splits) -> None:
    """Starts this run in the folder, and replaces a run that it may hold.

    The configuration is written first: it marks the folder as a run."""
    kept = read_kept(task.options)  # read first: the old run, which is moved, may contain them
    set_aside(folder)
    remove_run(folder)  # partial files of a killed process
    (folder / TRAINING).mkdir(parents=True, exist_ok=True)
    save_config(folder, config)
    run_folder.save_description(folder, task, kept)
    run_folder.save_baseline(folder, fit_baseline(task, splits.train, config.time_limit))
