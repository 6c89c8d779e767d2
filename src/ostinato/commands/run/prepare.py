"""Preparing a training run: data read, vocabularies fitted, network built or restored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from ostinato.commands.run.config import RunConfig, RunRequest, make_config
from ostinato.commands.run.device import choose_device
from ostinato.commands.run.digests import digest_files, digest_json
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
from ostinato.commands.run.splits import Splits, read_splits
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
    start_time = time.monotonic()
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
    parts = build_parts(folder, config, device, continues=continues)
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
    elif lock is not None and config != saved_config:
        save_config(folder, config)  # the new end holds for the next --resume, too
    group.wait()
    loaded = load_checkpoint(folder, parts) if continues else Checkpoint(BEGINNING)
    until_checked.close()
    seconds_before = loaded.seconds + time.monotonic() - start_time
    schedule = Schedule(parts.options, config.time_limit, seconds_before, list(loaded.scores))
    if continues and saved_config is not None:
        notify_of_schedule_change(saved_config, parts, schedule, loaded)
    describe_processes(group, config, loaded)
    curves = stack.enter_context(open_curves(folder, parts, loaded, continues)) if lock else None
    return TrainingRun(
        folder,
        config,
        **parts._asdict(),
        schedule=schedule,
        curves=curves,
        interrupt=interrupt,
        lock=lock,
        resumed_from=loaded,
        notices=notices,
        tokens=loaded.counters.get("tokens", 0),
        training_seconds=loaded.counters.get("training_seconds", 0.0),
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


def build_parts(folder: Path, config: RunConfig, device: str, *, continues: bool) -> Parts:
    """Reads the data and builds the network, or restores it where a run continues."""
    task, options = config.build_task(), config.build_options()
    with explain_by_notices():
        splits = read_splits(config, task)
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
    optimizer = None if task.options.closed_form else build_optimizer(network, options)
    return Parts(task, options, splits, network, optimizer, batches, reuse)


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
    run_folder.save_baseline(folder, task.fit_baseline(splits.train))


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
