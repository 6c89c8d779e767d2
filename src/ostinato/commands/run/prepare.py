"""Preparing a training run: data read, vocabularies fitted, network built or restored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from ostinato.commands.run.command_beginning import take_command_beginning
from ostinato.commands.run.config import RunConfig, RunRequest, make_config
from ostinato.commands.run.device import choose_device
from ostinato.commands.run.digests import digest_files, digest_json
from ostinato.commands.run.fit_to_time import fit_to_time
from ostinato.commands.run.init_from import Reuse, init_from_run
from ostinato.commands.run.processes import check_several
from ostinato.commands.run.progress import explain_by_notices, hold_notices, track
from ostinato.commands.run.replaced_run import set_aside, settle
from ostinato.commands.run.resume import describe_schedule_change, resume_config
from ostinato.commands.run.run_files import (
    TRAINING,
    read_config,
    refuse_links,
    refuse_used,
    remove_run,
    save_config,
)
from ostinato.commands.run.splits import Splits, choose_dev_metric, read_splits
from ostinato.commands.run.time_budget import (
    TimeBudget,
    fit_baseline,
    measure_slowness,
    plan_budget,
)
from ostinato.commands.run.training_run import TrainingRun
from ostinato.data.batching.batch import Example
from ostinato.data.batching.buckets import BucketedBatches, example_seed, target_length
from ostinato.data.files.wording import pluralise
from ostinato.errors import InputError, option_name
from ostinato.notices import collect_notices, notify
from ostinato.tasks import folder as run_folder
from ostinato.tasks.kept_files import read_kept
from ostinato.tasks.task import Task
from ostinato.training import checkpoint
from ostinato.training.checkpoint import Checkpoint
from ostinato.training.curves import Curves
from ostinato.training.distributed import TIMEOUT
from ostinato.training.group import ProcessGroup, join, read_launched, refuse_differences
from ostinato.training.interrupt import interruptible
from ostinato.training.layer_rates import freeze
from ostinato.training.lock import locked
from ostinato.training.loop import BEGINNING, EpochBatches
from ostinato.training.optimise import build_optimizer
from ostinato.training.options import Options
from ostinato.training.schedule import Schedule

TRAINING_SHARE = 0.8  # of a time limit, before what follows the training has been timed
SAVING = "saving a checkpoint after this step; Ctrl-C again to stop at once"


class Parts(NamedTuple):
    """What is trained, on what, and how."""

    task: Task
    options: Options
    splits: Splits
    network: nn.Module
    optimizer: torch.optim.Optimizer | None  # None for a model that is fitted in closed form
    batches: EpochBatches
    reuse: Reuse | None = None


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
    if resume:
        refuse_links(folder)
    saved_config = read_config(folder, request.task) if resume else None
    config = make_config(request) if saved_config is None else resume_config(saved_config, request)
    launched = read_launched()
    device = choose_device(config.device, launched.local_rank)
    check_several(config, launched.size)
    if not resume and launched.rank == 0:
        refuse_used(folder, overwrite)
    group = stack.enter_context(join(launched, device, timeout=timeout))
    # a run that was stopped before its first checkpoint begins again
    continues = resume and checkpoint.exists(folder / TRAINING)
    parts = build_parts(folder, config, device, continues=continues, start_time=start_time)
    compare_processes(group, config, parts, continues)
    # everything that can be wrong has been found: only now is the folder written to
    lock = stack.enter_context(locked(folder)) if group.is_main else None
    interrupt = stack.enter_context(interruptible(SAVING))
    if lock is not None:
        settle(folder)  # what a kill has cut short
        stack.callback(settle, folder)
    if lock is not None and not continues:
        refuse_used(folder, overwrite or resume)  # another process may have been quicker
        begin_folder(folder, config, parts.task, parts.splits)
    group.wait()
    loaded = load_checkpoint(folder, parts) if continues else Checkpoint(BEGINNING)
    if continues and request.time_limit is not None and config.time_limit is not None:
        # what is asked for now counts from now
        config = replace(config, time_limit=loaded.seconds + config.time_limit)
    if lock is not None and continues and config != saved_config:
        save_config(folder, config)  # the new end holds for the next --resume, too
    until_checked.close()
    slowness = measure_slowness(time.monotonic() - start_time)
    budget = make_budget(folder, config, parts, group, slowness)
    schedule = Schedule(
        parts.options,
        config.time_limit,
        loaded.seconds + time.monotonic() - start_time,
        list(loaded.scores),
        # a run that ended by its time limit has ended when it is resumed without another one
        reserve=max(budget.reserve, loaded.counters.get("reserve", 0.0)),
    )
    if continues and saved_config is not None:
        notify_of_schedule_change(saved_config, parts, schedule, loaded)
    describe_processes(group, config, loaded)
    curves = stack.enter_context(open_curves(folder, parts, loaded, continues)) if lock else None
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


def notify_of_schedule_change(
    saved_config: RunConfig, parts: Parts, schedule: Schedule, loaded: Checkpoint
) -> None:
    """Says so where the resumed run has another schedule than it began with."""
    options = adapt_to_data(saved_config.build_options(), saved_config, parts.batches)
    before = Schedule(options, saved_config.time_limit, schedule.seconds_before)
    if notice := describe_schedule_change(before, schedule, loaded):
        notify(notice)


def compare_processes(
    group: ProcessGroup, config: RunConfig, parts: Parts, continues: bool
) -> None:
    """Raises InputError if the processes of the run do not all have the same before them."""
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
    """Says how many processes and threads train, where it is not one process as before."""
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
    """The time budget of the run, as process 0 has measured it."""
    budget = TimeBudget(config.time_limit)
    if group.is_main and config.time_limit is not None:
        baseline = run_folder.load_baseline(folder, parts.task)
        budget = plan_budget(
            config.time_limit, parts.task, parts.network, baseline, parts.splits, slowness
        )
    return TimeBudget(**group.share(asdict(budget)))


def build_parts(
    folder: Path,
    config: RunConfig,
    device: str,
    *,
    continues: bool,
    start_time: float | None = None,
) -> Parts:
    """Reads the data and builds the network, or restores it where a run continues."""
    task, options = config.build_task(), config.build_options()
    with explain_by_notices():
        splits = read_splits(config, task)
    if not continues:
        task = choose_dev_metric(task, splits, config)
    torch.manual_seed(config.seed)
    task, network = restore_network(folder, config) if continues else fit_network(task, splits)
    reuse = None
    if config.init_from is not None and not continues:
        if task.options.closed_form:
            raise InputError(
                f"{option_name('init_from')}: this model is fitted without gradient steps; leave "
                f"out {option_name('init_from')}"
            )
        reuse = init_from_run(network, task, config.init_from)
        notify(reuse.describe())
    if options.freeze is not None:
        freeze(network, options.freeze)
    network = network.to(device)
    for records in (splits.dev, splits.test):
        task.reader.check_compatible(records)
    if config.values.keys() & {"batch_size", "batch_tokens"}:
        options = replace(options, least_batches=0)
    batches = make_batches(task, splits, multiply_batch(options, config.processes), config.seed)
    options = adapt_to_data(options, config, batches)
    if config.time_limit is not None and not task.options.closed_form and config.processes == 1:
        inherits = continues or reuse is not None
        task, options, smaller = suit_time(
            task, options, config, batches, device, start_time, inherits=inherits
        )
        network = network if smaller is None else smaller
    optimizer = None if task.options.closed_form else build_optimizer(network, options)
    return Parts(task, options, splits, network, optimizer, batches, reuse)


def suit_time(
    task: Task,
    options: Options,
    config: RunConfig,
    batches: EpochBatches,
    device: str,
    start_time: float | None,
    *,
    inherits: bool,
) -> tuple[Task, Options, nn.Module | None]:
    """The task and options that fit into the time limit, and a new network where the default one
    does not; with `inherits`, the network is that of another run and stays."""
    assert config.time_limit is not None
    spent = 0.0 if start_time is None else time.monotonic() - start_time
    found, options = fit_to_time(
        task,
        batches,
        options,
        given={*config.values, *(("members", "hidden_size") if inherits else ())},
        seconds=max(1.0, TRAINING_SHARE * (config.time_limit - spent)),
        device=device,
    )
    if found is task or found.options == task.options:
        return task, options, None
    torch.manual_seed(config.seed)
    network = found.build_network()
    found.initialise(network)
    return found, options, network.to(device)


def multiply_batch(options: Options, processes: int) -> Options:
    """The options for batches of which each process has --batch-size or --batch-tokens."""
    size, tokens = options.batch_size, options.batch_tokens
    return replace(
        options, batch_size=size and size * processes, batch_tokens=tokens and tokens * processes
    )


def adapt_to_data(options: Options, config: RunConfig, batches: EpochBatches) -> Options:
    """More epochs and a shorter warm-up where the data is small, unless they were requested."""
    if "epochs" not in config.values:
        options = options.with_minimum_steps(len(batches))
    return options if "warmup" in config.values else options.with_warmup_capped(len(batches))


def fit_network(task: Task, splits: Splits) -> tuple[Task, nn.Module]:
    """The task with its vocabularies fitted, and a new network."""
    fitted_task = task.fit(splits.train)
    network = fitted_task.build_network()
    fitted_task.initialise(network)
    return fitted_task, network


def restore_network(folder: Path, config: RunConfig) -> tuple[Task, nn.Module]:
    """The task as the run folder describes it, and a network of its sizes."""
    paths = config.not_kept_paths()
    task = run_folder.task_from(run_folder.describe(folder), folder, paths=paths)
    return task, task.build_network()


def load_checkpoint(folder: Path, parts: Parts) -> Checkpoint:
    """Restores network, optimizer and random states."""
    if parts.optimizer is None:
        raise ValueError("a model that is fitted in closed form has no checkpoints")
    return checkpoint.load(folder / TRAINING, parts.network, parts.optimizer)


def begin_folder(folder: Path, config: RunConfig, task: Task, splits: Splits) -> None:
    """Replaces a run that the folder may hold by the beginning of this one.

    The configuration is written first: it marks the folder as a run."""
    kept = read_kept(task.options)  # before what may be one of them is moved
    set_aside(folder)
    remove_run(folder)  # what a killed process left of writing its files
    (folder / TRAINING).mkdir(parents=True, exist_ok=True)
    save_config(folder, config)
    run_folder.save_description(folder, task, kept)
    run_folder.save_baseline(folder, fit_baseline(task, splits.train, config.time_limit))


def make_batches(task: Task, splits: Splits, options: Options, seed: int) -> EpochBatches:
    """The task's own batches, or examples bucketed by length."""
    preprocessing = task.preprocessing
    records = preprocessing.trainable_records(splits.train)
    own = preprocessing.batches(
        records, batch_size=options.batch_size, batch_tokens=options.batch_tokens, seed=seed
    )
    if own is not None:
        return own
    examples = [preprocessing.encode(record) for record in track(records, "encoding")]

    def encode_again(row: int, epoch: int) -> Example:
        return preprocessing.encode(records[row], draw=example_seed(seed, epoch, row))

    tokens = options.batch_tokens
    if options.least_batches:
        lengths = [max(len(example.inputs), target_length(example)) for example in examples]
        tokens = options.limit_batch_tokens(sum(lengths), max(lengths))
    return BucketedBatches(
        examples,
        batch_size=options.batch_size,
        tokens=tokens,
        seed=seed,
        encode=encode_again if preprocessing.varies else None,
    )
