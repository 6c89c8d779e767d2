"""What a training run is asked to do: the files, the options and where they come from (defaults, recipe, flags), checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostinato import options
from ostinato.commands.run.recipe import read_recipe
from ostinato.data.files.samples import sample_files
from ostinato.data.files.wording import pluralise
from ostinato.errors import InputError
from ostinato.notices import notify
from ostinato.tasks import find_task
from ostinato.tasks.task import Record, Task
from ostinato.training.options import Options

HELD_BACK = 0.05  # the share of the training data that becomes the dev set where none is given
MOST_HELD_BACK = 2000
MUCH = 0.25  # more than this share is worth a word
OF_THE_OPTIMIZER = (
    "learning_rate",
    "weight_decay",
    "momentum",
    "beta1",
    "beta2",
    "epsilon",
)  # right for one, wrong for another


@dataclass
class Plan:
    """Everything that decides how a run comes out; saved with it, so that --resume continues the same one."""

    task: str
    train: list[str]
    dev: list[str]
    test: list[str]
    values: dict[str, Any]  # options that differ from the task's defaults
    seed: int
    device: str
    time_limit: float | None = None

    def build_task(self) -> Task:
        chosen = find_task(self.task)
        return chosen.create(options.split(self.values, chosen.options, Options)[0])

    def build_options(self) -> Options:
        chosen = find_task(self.task)
        return options.build(
            Options, {**chosen.training, **options.split(self.values, chosen.options, Options)[1]}
        )


def make_plan(
    task: str,
    *,
    train: list[str],
    dev: list[str],
    test: list[str],
    recipe: str | None,
    time_limit: str | None,
    seed: int,
    device: str,
    settings: Mapping[str, Any],
) -> Plan:
    """Defaults, then the recipe, then what was given; raises InputError for anything that does not make sense."""
    chosen = find_task(task)
    written = read_recipe(recipe, task) if recipe else {}
    options.split(written, chosen.options, Options, where=lambda name: f"recipe {recipe}: {name}")
    sample_training = {} if train else chosen.sample_training
    suited = chosen.options.data_defaults({**sample_training, **written, **settings})
    values = layered(chosen.training, suited, sample_training, written, settings)
    check_seed(seed)
    plan = Plan(
        task,
        listed(train),
        listed(dev),
        listed(test),
        values,
        seed,
        device,
        None if time_limit is None else seconds(time_limit),
    )
    plan.build_task()
    plan.build_options()
    return plan


def layered(defaults: Mapping[str, Any], *layers: Mapping[str, Any]) -> dict[str, Any]:
    """What later layers say goes before what earlier ones do; gives what they say, without the defaults.

    Who gives one of batch_size and batch_tokens means that one alone, and not a limit on top of an earlier layer's other one:
    layered({"batch_tokens": 1200}, {"batch_size": 32}) -> {"batch_size": 32, "batch_tokens": None}
    And who gives another optimizer does not mean the rate or the decay that was chosen for the one before."""
    values: dict[str, Any] = {}
    for layer in layers:
        earlier = {"optimizer": options.fields(Options)["optimizer"].default, **defaults, **values}
        if layer.get("optimizer", earlier["optimizer"]) != earlier["optimizer"]:
            values |= {
                name: options.fields(Options)[name].default
                for name in OF_THE_OPTIMIZER
                if name in earlier
            }
        for size, other in (("batch_size", "batch_tokens"), ("batch_tokens", "batch_size")):
            if (
                layer.get(size) not in (None, "none")
                and other not in layer
                and {**defaults, **values}.get(other) is not None
            ):
                values[other] = None
        values.update(layer)
    return values


def check_seed(seed: int) -> None:
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed must be between 0 and 2**63 - 1; got {seed}")


def listed(files: Any) -> list[str]:
    """A file or several, as absolute paths: a run may be resumed from another folder."""
    files = [files] if isinstance(files, (str, Path)) else list(files)
    return [str(file) if str(file) == "-" else str(Path(file).absolute()) for file in files]


def nearby(file: str) -> str:
    """A file below the working directory without the way to it, as the user most likely wrote it."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def seconds(text: str) -> float:
    """seconds("90s") -> 90.0; seconds("10m") -> 600.0; seconds("1h30m") -> 5400.0; a bare number is seconds"""
    units = {"h": 3600, "m": 60, "s": 1, "": 1}
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms]?)", str(text))
    total = sum(float(number) * units[unit] for number, unit in parts)
    if not total or "".join(number + unit for number, unit in parts) != str(text):
        raise InputError(f"--time-limit: expected a time such as 90s, 10m or 2h; got '{text}'")
    return total


@dataclass
class Data:
    """The records to learn from, to choose the best weights by, and to report on."""

    train: list[Record]
    dev: list[Record]
    test: list[Record]
    tested_on: str = ""


def hold_back(data: Data, task: Task, seed: int, files: Sequence[str]) -> str:
    """Takes a dev set out of the training data and says how much: "20 training examples"."""
    before = len(data.train)
    try:
        data.train, data.dev = task.reader.hold_out(
            data.train, number=min(MOST_HELD_BACK, max(1, round(HELD_BACK * before))), seed=seed
        )
    except InputError as error:
        raise InputError(f"{' '.join(files)}: {error}") from None
    held = f"{len(data.dev):,} training {pluralise('example', len(data.dev))}"
    if len(data.train) + len(data.dev) > before:
        return f"the end of each of {held}"
    return (
        f"{held}, {len(data.dev) / before:.0%} of all as so few differ,"
        if len(data.dev) > MUCH * before
        else held
    )


def read_data(plan: Plan, task: Task) -> Data:
    """Reads the plan's files, or the packaged sample; holds back a seeded part of the training data where there is no dev set."""
    train, dev, test = (list(map(nearby, files)) for files in (plan.train, plan.dev, plan.test))
    if not train:
        packaged = {
            part: [str(path)] for part, path in sample_files(task.definition.sample).items()
        }
        train, dev, test = packaged["train"], dev or packaged["dev"], test or packaged["test"]
    data = Data(
        task.reader.read(train, training=True),
        task.reader.read(dev) if dev else [],
        task.reader.read(test) if test else [],
    )
    if not dev:
        held = hold_back(data, task, plan.seed, train)
        notify(f"no --dev: {held} held back (seed {plan.seed})")
    data.tested_on = " ".join(test or dev) or f"{held} held back"
    for name, records in [("--dev", data.dev if dev else []), ("--test", data.test)]:
        share = task.reader.overlap(records, data.train)
        if share > 0.2:
            notify(
                f"{name}: {share:.0%} of it stands in the training data, too; its scores will flatter"
            )
    return data
