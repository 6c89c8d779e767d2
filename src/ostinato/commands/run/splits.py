"""The data of a run: its training, dev and test records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ostinato import options
from ostinato.commands.run.config import RunConfig, relative_path
from ostinato.data.files.samples import sample_files
from ostinato.data.files.wording import display_path, pluralise
from ostinato.errors import InputError
from ostinato.notices import notify
from ostinato.tasks.reader import Record
from ostinato.tasks.task import Task

HELD_OUT_SHARE = 0.05  # of the training data, as the dev set if none is given
MAXIMUM_HELD_OUT = 2000
# few examples are unreliable, so a larger share of small data is held out, up to this number
ENOUGH_HELD_OUT, LARGEST_HELD_OUT_SHARE = 30, 0.2
COARSE = 50  # dev examples; with fewer, the loss is a better criterion than accuracy
TOO_FEW = 10  # held-out examples; with fewer, the last weights are used
LARGE_SHARE = 0.25  # of the data; a larger dev set is mentioned in a notice
OVERLAP_SHARE = 0.2  # of a dev or test set that is also in the training data, for a warning


@dataclass
class Splits:
    """The training, dev and test records; `tested_on` names the test data in reports."""

    train: Sequence[Record]
    dev: list[Record]
    test: list[Record]
    tested_on: str = ""


def read_splits(config: RunConfig, task: Task) -> Splits:
    """Reads the files of the run, or the packaged sample.

    Without a dev set, a seeded part of the training data is held out, the same for every --seed."""
    train, dev, test = (
        [relative_path(file) for file in files] for files in (config.train, config.dev, config.test)
    )
    if not train:
        packaged = {
            part: [str(path)] for part, path in sample_files(task.definition.sample).items()
        }
        train, dev, test = packaged["train"], dev or packaged["dev"], test or packaged["test"]
    splits = Splits(
        task.reader.read(train, training=True),
        task.reader.read(dev) if dev else [],
        task.reader.read(test) if test else [],
    )
    for files, records in [(dev, splits.dev), (test, splits.test)]:
        if files:
            task.reader.check_scorable(records, files)
    held_out = ""
    if not dev:
        seed = config.seed if config.held_out_seed is None else config.held_out_seed
        least = ENOUGH_HELD_OUT if config.held_out_more else 1
        held_out = hold_out_dev_set(splits, task, seed, train, least)
        notify(f"no --dev: {held_out} held out (seed {seed}, whatever --seed is)")
    splits.tested_on = " ".join(map(display_path, test or dev)) or f"{held_out} held out"
    for name, records in [("--dev", splits.dev if dev else []), ("--test", splits.test)]:
        share = task.reader.overlap(records, splits.train)
        if share > OVERLAP_SHARE:
            notify(
                f"{name}: {share:.0%} of it is also in the training data; "
                "its scores are too optimistic"
            )
    return splits


def hold_out_dev_set(
    splits: Splits, task: Task, seed: int, files: Sequence[str], least: int = 1
) -> str:
    """Moves part of the training data to the dev set, and describes it: "20 training examples".

    At least `least` examples are held out, unless these are too large a share.
    """
    before = len(splits.train)
    enough = min(least, round(LARGEST_HELD_OUT_SHARE * before))
    number = min(MAXIMUM_HELD_OUT, max(1, enough, round(HELD_OUT_SHARE * before)))
    try:
        splits.train, splits.dev = task.reader.hold_out(splits.train, number=number, seed=seed)
    except InputError as error:
        raise InputError(f"{' '.join(map(display_path, files))}: {error}") from None
    count = f"{len(splits.dev):,} training {pluralise('example', len(splits.dev))}"
    if len(splits.train) + len(splits.dev) > before:
        return f"the end of each of {count}"
    if len(splits.dev) > LARGE_SHARE * before:
        return f"{count}, {len(splits.dev) / before:.0%} of all as so few differ,"
    return count


def choose_dev_metric(task: Task, splits: Splits, config: RunConfig) -> Task:
    """The task, not yet fitted, with the loss as its dev metric if the dev set is small.

    With 20 examples, one more correct answer is chance; log-probabilities are more informative.
    """
    few = len(splits.dev) < COARSE
    if (
        not (few and "perplexity" in dev_metrics(task))
        or "dev_metric" in config.values
        or task.options.closed_form
    ):
        return task
    if task.options.dev_metric not in ("accuracy", "f1"):
        return task
    number = len(splits.dev)
    notify(
        f"{number} dev {pluralise('example', number)}: too few for {task.options.dev_metric} to "
        "choose the best weights by; their loss (perplexity) does"
    )
    return task.with_options(replace(task.options, dev_metric="perplexity"))


def dev_metrics(task: Task) -> tuple:
    """The metrics that the task allows as dev metric."""
    return options.fields(task.definition.options)["dev_metric"].choices


def chooses_last_weights(task: Task, splits: Splits, config: RunConfig) -> bool:
    """Whether so few examples are held out that the last weights are used instead of the best."""
    few = config.held_out_more and not config.dev and len(splits.dev) < TOO_FEW
    return few and "accuracy" in dev_metrics(task)
