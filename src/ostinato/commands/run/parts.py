"""The parts of a training run: the data, the task fitted to it, the network and its optimizer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ostinato.commands.run.config import RunConfig
from ostinato.commands.run.fit_to_time import fit_to_time
from ostinato.commands.run.init_from import Reuse, init_from_run
from ostinato.commands.run.progress import explain_by_notices, track
from ostinato.commands.run.splits import Splits, choose_dev_metric, read_splits
from ostinato.data.batching.batch import Example
from ostinato.data.batching.buckets import BucketedBatches, example_seed, measure_lengths
from ostinato.data.stored.indexed_records import index_examples
from ostinato.data.stored.stored_examples import EncodedOnRequest
from ostinato.data.stored.stored_records import RecordsOnDisk, StoredRecords
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks import run_folder
from ostinato.tasks.task import Task
from ostinato.training.layer_rates import freeze
from ostinato.training.loop import EpochBatches
from ostinato.training.optimise import build_optimizer
from ostinato.training.options import Options

TRAINING_SHARE = 0.8  # of a time limit, until the work after training has been timed


class Parts(NamedTuple):
    """The parts of a training run."""

    task: Task
    options: Options
    splits: Splits
    network: nn.Module
    optimizer: torch.optim.Optimizer | None  # None for a model that is fitted in closed form
    batches: EpochBatches
    reuse: Reuse | None = None


def build_parts(
    folder: Path,
    config: RunConfig,
    device: str,
    *,
    continues: bool,
    start_time: float | None = None,
) -> Parts:
    """Reads the data and builds the network, or restores it for a run that continues."""
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
            task, options, config, batches, device, start_time, splits, inherits=inherits
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
    splits: Splits,
    *,
    inherits: bool,
) -> tuple[Task, Options, nn.Module | None]:
    """Fits task and options to the time limit; see `fit_to_time`.

    Returns:
        The task, the options, and a new network if the task changed. With `inherits` the network
        is that of another run, and the task stays.
    """
    assert config.time_limit is not None
    spent = 0.0 if start_time is None else time.monotonic() - start_time
    found, options = fit_to_time(
        task,
        batches,
        options,
        given={*config.values, *(("members", "hidden_size") if inherits else ())},
        seconds=max(1.0, TRAINING_SHARE * (config.time_limit - spent)),
        device=device,
        records=None if inherits else splits.train,
    )
    if found is task or found.options == task.options:
        return task, options, None
    torch.manual_seed(config.seed)
    network = found.build_network()
    found.initialise(network)
    return found, options, network.to(device)


def multiply_batch(options: Options, processes: int) -> Options:
    """Multiplies the batch size by the number of processes, each of which has --batch-size."""
    size, tokens = options.batch_size, options.batch_tokens
    return replace(
        options, batch_size=size and size * processes, batch_tokens=tokens and tokens * processes
    )


def adapt_to_data(options: Options, config: RunConfig, batches: EpochBatches) -> Options:
    """Increases epochs and shortens the warm-up for small data, unless they were given."""
    if "epochs" not in config.values:
        options = options.with_minimum_steps(len(batches))
    return options if "warmup" in config.values else options.with_warmup_capped(len(batches))


def fit_network(task: Task, splits: Splits) -> tuple[Task, nn.Module]:
    """Fits the task's vocabularies, and builds a new network."""
    fitted_task = task.fit(splits.train)
    network = fitted_task.build_network()
    fitted_task.initialise(network)
    return fitted_task, network


def restore_network(folder: Path, config: RunConfig) -> tuple[Task, nn.Module]:
    """Restores the task from the run folder, and builds its network, without the weights."""
    paths = config.not_kept_paths()
    task = run_folder.task_from(run_folder.describe(folder), folder, paths=paths)
    return task, task.build_network()


def make_batches(task: Task, splits: Splits, options: Options, seed: int) -> EpochBatches:
    """The task's own batches, or examples bucketed by length."""
    preprocessing = task.preprocessing
    records = preprocessing.trainable_records(splits.train)
    own = preprocessing.batches(
        records, batch_size=options.batch_size, batch_tokens=options.batch_tokens, seed=seed
    )
    if own is not None:
        return own
    examples: Sequence[Example]
    on_disk = isinstance(records, RecordsOnDisk)
    lengths = preprocessing.measure_examples(records) if on_disk else None
    if lengths is not None:
        examples = EncodedOnRequest(records, preprocessing.encode, *lengths)
    elif isinstance(records, StoredRecords):
        examples = index_examples(records, preprocessing.encode, preprocessing.made_by(), track)
    else:
        examples = [preprocessing.encode(record) for record in track(records, "encoding")]

    def encode_again(row: int, epoch: int) -> Example:
        return preprocessing.encode(records[row], draw=example_seed(seed, epoch, row))

    tokens = options.batch_tokens
    if options.least_batches:
        longer = np.maximum(*measure_lengths(examples))
        tokens = options.limit_batch_tokens(int(longer.sum(dtype=np.int64)), int(longer.max()))
    return BucketedBatches(
        examples,
        batch_size=options.batch_size,
        tokens=tokens,
        seed=seed,
        encode=encode_again if preprocessing.varies else None,
    )
