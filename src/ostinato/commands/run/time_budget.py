"""A time limit as the budget of a whole run: training, dev scores, baseline, test and report.

The work after the last step is timed on a few records before training, and again at each dev score;
training ends early enough for it. Of dev and test sets that would take too large a share of the
limit, only a part is scored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import nn

from ostinato.commands.run.splits import Splits
from ostinato.data.files.wording import pluralise
from ostinato.data.stored.stored_records import RecordsOnDisk
from ostinato.notices import notify, silence_notices
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.shared.joint_labels import JointOptions
from ostinato.tasks.task import Task

# the largest shares of the limit
DEV_SHARE = 0.03  # one evaluation on the dev set
TEST_SHARE = 0.2
INTERPOLATED_SHARE = 0.2  # fitting a baseline that is interpolated with the network
BASELINE_SHARE = 0.1  # fitting another one; the scores of any
RESERVED_SHARE = 0.6  # everything after the last step
TIMING_SHARE = 0.003  # each of these timings
EVALUATING_SHARE = 1 / 7  # of the time since the last evaluation
EVALUATIONS = 8  # minimum number of evaluations if epochs are long
FIRST, LEAST = 16, 50  # records of the first timing; minimum size of a part of a set
ENOUGH_TO_TIME = 2000  # records; with fewer, fitting a baseline is not timed
MOST_FITTED = 100_000  # stored records that a baseline is fitted to
CLOSING_SECONDS = 2.0  # for intervals, pictures and files on an idle processor


class Cost(NamedTuple):
    """The number of records that the time is enough for, and the seconds that they take."""

    records: int
    seconds: float


@dataclass
class TimeBudget:
    """The time of each part of a run, and what is left for training.

    Attributes:
        limit: time limit of the whole run in seconds; None: no limit
        dev: number of dev records scored while training; None: all
        tested: number of test records scored at the end; None: all
        evaluation_seconds: time of one dev score
        test_seconds, baseline_seconds: time of the scores at the end
        closing_seconds: time of everything after these
        evaluated_at: time of the last evaluation, in seconds since the start
    """

    limit: float | None = None
    dev: int | None = None
    tested: int | None = None
    evaluation_seconds: float = 0.0
    test_seconds: float = 0.0
    baseline_seconds: float = 0.0
    closing_seconds: float = 0.0
    evaluated_at: float = field(default=0.0)

    @property
    def reserve(self) -> float:
        """Seconds reserved for the work after the last step."""
        if self.limit is None:
            return 0.0
        # twice: for the last weights and for the mean of several
        needed = 2 * self.evaluation_seconds + self.test_seconds + self.baseline_seconds
        return min(needed + self.closing_seconds, RESERVED_SHARE * self.limit)

    def is_evaluation_due(self, by_epochs: bool, seconds: float) -> bool:
        """Whether to evaluate now: by epochs, unless that takes too large a share of the time, and
        at least EVALUATIONS times if epochs are long.

        Args:
            by_epochs: whether an evaluation is due by --evaluate-every
            seconds: time since the start
        """
        if self.limit is None:
            return by_epochs
        since = seconds - self.evaluated_at
        if since * EVALUATING_SHARE < self.evaluation_seconds:
            return False
        return by_epochs or since > (self.limit - self.reserve) / EVALUATIONS

    def note_evaluation(self, ended: float, took: float) -> None:
        """Records the time of an evaluation, as the estimate for the next one."""
        self.evaluated_at, self.evaluation_seconds = ended, took


def plan_budget(
    limit: float | None,
    task: Task,
    network: nn.Module,
    baseline: Baseline | None,
    splits: Splits,
    slowness: float,
) -> TimeBudget:
    """Times dev score, test and baseline on a few records each.

    Args:
        limit: time limit of the whole run in seconds
        task, network: the task and the network to train
        baseline: the fitted baseline; None if another process has it
        splits: the records
        slowness: factor by which this process runs slower than it would alone (`measure_slowness`)
    """
    if limit is None:
        return TimeBudget()
    budget = TimeBudget(limit, closing_seconds=CLOSING_SECONDS * slowness)
    metric = task.options.dev_metric
    with evaluating(network):
        dev = afford(
            splits.dev,
            lambda part: task.predictor.count_quickly(network, part, metric),
            DEV_SHARE * limit,
            TIMING_SHARE * limit,
        )
    budget.dev, budget.evaluation_seconds = dev
    if dev.records < len(splits.dev):
        notify(
            f"time limit: dev scores while training are of {dev.records:,} of "
            f"{len(splits.dev):,} {pluralise('example', len(splits.dev))}"
        )
    time_the_test(budget, task, network, baseline, splits)
    return budget


def time_the_test(
    budget: TimeBudget, task: Task, network: nn.Module, baseline: Baseline | None, splits: Splits
) -> None:
    """Times the scores at the end, and decides how many test records are scored."""
    if budget.limit is None:
        return
    tested = splits.test or splits.dev

    def test(part: Any) -> None:
        predictions = []
        if task.definition.needs_predictions:
            predictions = task.predictor.predict(network, part)
        task.predictor.count(network, part, predictions)

    timing = TIMING_SHARE * budget.limit
    with evaluating(network):
        cost = afford(tested, test, TEST_SHARE * budget.limit, timing)
        beside = Cost(len(tested), 0.0)
        if baseline is not None:
            beside = afford(tested, baseline.measure, BASELINE_SHARE * budget.limit, timing)
    budget.tested = min(cost.records, beside.records)
    budget.test_seconds = cost.seconds * budget.tested / max(1, cost.records)
    budget.baseline_seconds = beside.seconds * budget.tested / max(1, beside.records)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Puts the network in evaluation mode during the block, which leaves no trace: random states
    are restored, and no notices are printed.
    """
    was_training = network.training
    network.eval()
    try:
        with torch.random.fork_rng(), silence_notices():
            yield
    finally:
        network.train(was_training)


def afford(records: Any, work: Callable[[Any], Any], most: float, timing: float) -> Cost:
    """Estimates how many of the records can be processed in `most` seconds, at least LEAST.

    Args:
        records: the records
        work: the function that is timed, with a few of them, then four times as many, and so on
        most: maximum seconds for all records
        timing: seconds after which the timing ends
    """
    if not len(records):
        return Cost(0, 0.0)
    number = min(len(records), FIRST)
    while True:
        began = time.perf_counter()
        work(take_part(records, number))
        took = time.perf_counter() - began
        if number == len(records) or took >= timing:
            break
        number = min(len(records), 4 * number)
    each = max(1e-9, took / number)
    count = min(len(records), max(LEAST, int(most / each)))
    return Cost(count, each * count)


def take_part(records: Any, number: int | None) -> Any:
    """Selects `number` evenly spaced records; of a text, which is read in order, the beginning."""
    if number is None or number >= len(records):
        return records
    if isinstance(records, RecordsOnDisk):
        return records.spread(number)
    if isinstance(records, list):
        return [records[place * len(records) // number] for place in range(number)]
    return records[:number]


def fit_baseline(task: Task, records: Any, limit: float | None) -> Baseline:
    """Fits the baseline to all training records, or with a time limit to as many as time allows; of
    stored records to as many as it can hold in memory."""
    if isinstance(records, RecordsOnDisk):
        records, part = records.sample(MOST_FITTED)
        if part is not None:
            notify(f"the baseline is fitted to {part}, which it holds in memory")
    if limit is None or len(records) <= ENOUGH_TO_TIME:
        return task.fit_baseline(records)
    interpolated = isinstance(task.options, JointOptions) and not task.predictor.baseline_replaces
    most = (INTERPOLATED_SHARE if interpolated else BASELINE_SHARE) * limit
    number = len(records) // 16
    began = time.perf_counter()
    with silence_notices():
        task.fit_baseline(take_part(records, number))
    each = (time.perf_counter() - began) / number
    affordable = max(number, int(most / each))
    if affordable < len(records):
        notify(
            f"time limit: the baseline is fitted to {affordable:,} of {len(records):,} "
            "training examples"
        )
    return task.fit_baseline(take_part(records, affordable))


def measure_slowness(wall_seconds: float) -> float:
    """How much slower this process runs than on an idle machine: from 1 to 5.

    It is computed from the processor time that it got in its first `wall_seconds`.
    """
    return min(5.0, max(1.0, wall_seconds / max(1e-3, time.process_time())))
