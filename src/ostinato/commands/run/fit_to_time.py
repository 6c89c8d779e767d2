"""Fits the network to the time limit, by measuring its speed and reducing defaults.

If the first steps show that the time is over long before the epochs, the default number of networks
is halved, then the default size. Options that the user gave are never changed.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from ostinato import options as option_fields
from ostinato.commands.run.verdict import count_epochs
from ostinato.errors import InputError
from ostinato.notices import notify, silence_notices
from ostinato.options import as_flag
from ostinato.tasks.task import Task
from ostinato.training import lazy_adam
from ostinato.training.loop import EpochBatches, train
from ostinato.training.optimise import build_optimizer
from ostinato.training.options import Options

# shares of the run's steps that must fit into the time; otherwise defaults are reduced
WITH_ENSEMBLE, WITH_SIZE = 0.5, 0.15
HEAD_START = 0.5  # with a smaller share, the task may begin otherwise than with random weights
HEAD_START_SHARE = 0.12  # of the time for fitting what it begins with
SMALLEST = 64  # units
HALVINGS = 2  # of the size
STEPS, PROBE_SHARE = 5, 0.02  # steps timed after a first one; maximum share of the time for it


class Candidate(NamedTuple):
    """Options of the task, and the share of the steps that must fit into the time to choose
    them.
    """

    options: Any
    enough: float


def fit_to_time(
    task: Task,
    batches: EpochBatches,
    options: Options,
    *,
    given: Collection[str],
    seconds: float,
    device: str,
    records: Any = None,
) -> tuple[Task, Options]:
    """Reduces default options until the time is enough, and adapts the warm-up.

    Args:
        task: the fitted task
        batches: the batches of the training data
        options: the training options
        given: the names of the options that the user gave
        seconds: the time for training
        device: the device of the network
        records: the training records, for the task's head start; None: without it
    """
    steps: float | None = None
    found, all_steps = task, 1.0
    for candidate in list_candidates(task.options, given):
        chosen = task.with_options(candidate.options)
        try:
            rate = time_step(chosen, batches, options, PROBE_SHARE * seconds, device)
        except InputError:  # e.g. --tied, which couples sizes: the default stays
            continue  # or data of which every loss is infinite, as the training will say
        all_steps = options.epochs * len(batches) / options.accumulate
        found, steps = chosen, seconds / rate
        if steps >= candidate.enough * all_steps:
            break
    if steps is None:
        return task, options
    share = steps / all_steps
    if records is not None and share < HEAD_START and task.definition.with_head_start is not None:
        found = task.definition.with_head_start(found, records, HEAD_START_SHARE * seconds)
    describe_change(task.options, found.options, share * options.epochs)
    if "warmup" not in given:
        options = replace(options, warmup=min(options.warmup, int(steps / 10)))
    return found, options


def list_candidates(options: Any, given: Collection[str]) -> Iterator[Candidate]:
    """Yields the options, then cheaper ones: fewer networks first, then smaller ones."""
    known = option_fields.fields(type(options))
    members = getattr(options, "members", None) or 1
    if "members" in known and "members" not in given:
        while members > 1:
            yield Candidate(options, WITH_ENSEMBLE)
            members //= 2
            options = replace(options, members=members)
    if "hidden_size" in known and "hidden_size" not in given:
        for _ in range(HALVINGS):
            if options.hidden_size // 2 < SMALLEST:
                break
            yield Candidate(options, WITH_SIZE)
            # even, since each direction gets half
            options = replace(options, hidden_size=options.hidden_size // 4 * 2)
    yield Candidate(options, 0.0)


def time_step(
    task: Task, batches: EpochBatches, options: Options, most: float, device: str
) -> float:
    """Seconds per training step of a new network, measured on a few steps at learning rate 0."""
    with torch.random.fork_rng(), silence_notices():
        network = task.build_network().to(device)
        optimizer = build_optimizer(network, options)
        steps = train(
            network, batches, optimizer, schedule=lambda step, epoch: 0.0, **options.loop_settings
        )
        began, taken = time.perf_counter(), []
        try:
            for progress in itertools.islice(steps, STEPS + 1):
                taken.append(progress.seconds)
                if time.perf_counter() - began > most:
                    break
        finally:
            steps.close()  # type: ignore[attr-defined]
            lazy_adam.close(optimizer)
    rest = taken[1:] or taken  # the first step allocates and compiles
    return max(1e-6, sum(rest) / len(rest))


def describe_change(before: Any, after: Any, epochs: float) -> None:
    """Notifies of defaults that were reduced because of the time limit."""
    changes = [
        f"{as_flag(name)} {getattr(after, name)} instead of {getattr(before, name)}"
        for name in ("members", "hidden_size")
        if getattr(after, name, None) != getattr(before, name, None)
    ]
    if changes:
        notify(
            f"time limit: {', '.join(changes)}, with which it is enough for about "
            f"{count_epochs(epochs)} epochs"
        )
