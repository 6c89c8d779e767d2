"""The configuration of a training run: files and options, merged from all sources and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ostinato import options
from ostinato.commands.run.init_from import inherit_options
from ostinato.commands.run.recipe import read_recipe
from ostinato.errors import InputError
from ostinato.tasks import find_task
from ostinato.tasks.task import Task
from ostinato.training.options import Options

Files = str | Path | Sequence[str | Path]

# settings that do not carry over to another optimizer
OPTIMIZER_SETTINGS = (
    "learning_rate",
    "weight_decay",
    "momentum",
    "beta1",
    "beta2",
    "epsilon",
)


@dataclass(frozen=True)
class RunRequest:
    """The arguments of `ostinato train`, as the user gave them.

    Attributes:
        task: the name of the task
        train: training files; if empty, the packaged sample
        dev: dev files, which choose the best weights
        test: test files, for the report
        recipe: a packaged name, or a TOML file
        time_limit: 90s, 10m, 2h
        seed: seed of all random numbers
        device: cpu, cuda or auto
        settings: options of the task and of training by name
        processes: number of processes that train together
        init_from: a run whose weights are the initial weights
    """

    task: str
    train: Files = ()
    dev: Files = ()
    test: Files = ()
    recipe: str | None = None
    time_limit: str | None = None
    seed: int = 1
    device: str = "cpu"
    settings: Mapping[str, Any] = field(default_factory=dict)
    processes: int = 1
    init_from: str | None = None


# independent of --seed: runs with the same dev set and vocabulary can form an ensemble
HELD_OUT_SEED = 1


@dataclass
class RunConfig:
    """Everything that determines the result of a run; saved in its folder, so that --resume
    continues the same run.
    """

    task: str
    train: list[str]
    dev: list[str]
    test: list[str]
    values: dict[str, Any]  # options that differ from the task's defaults
    seed: int
    device: str
    time_limit: float | None = None  # seconds
    held_out_seed: int | None = None  # of the dev set; None: `seed`, as in older versions
    processes: int = 1  # at the start; each has --batch-size examples of a batch
    init_from: str | None = None
    held_out_more: bool = False  # a larger share of small data; not in older versions
    contents: dict[str, str] | None = None  # digests of the files by path; not in older versions

    def build_task(self) -> Task:
        """The task with these options, not yet fitted to data."""
        chosen = find_task(self.task)
        return chosen.create(options.split(self.values, chosen.options, Options)[0])

    @property
    def files(self) -> list[str]:
        """The files and folders of all parts."""
        return [*self.train, *self.dev, *self.test]

    def not_kept_paths(self) -> dict[str, Any]:
        """The files and folders among the options that a run folder does not keep."""
        known = options.fields(find_task(self.task).options)
        return {
            name: value
            for name, value in self.values.items()
            if name in known and known[name].metadata.get("path") in ("given", "written")
        }

    def build_options(self) -> Options:
        """The training options."""
        chosen = find_task(self.task)
        values = options.split(self.values, chosen.options, Options)[1]
        return options.build(Options, {**chosen.training, **values})


def make_config(request: RunRequest) -> RunConfig:
    """Combines the defaults, the recipe and the request; later ones take precedence.

    Raises:
        InputError: an option is unknown or invalid.
    """
    chosen = find_task(request.task)
    recipe = read_recipe(request.recipe, request.task) if request.recipe else {}
    options.split(
        recipe, chosen.options, Options, where=lambda name: f"recipe {request.recipe}: {name}"
    )
    train = absolute_paths(request.train)
    sample_training = {} if train else chosen.sample_training
    inherited = inherit_options(request.init_from, chosen) if request.init_from else {}
    data_defaults = chosen.options.data_defaults({**sample_training, **recipe, **request.settings})
    values = merge_settings(
        chosen.training, data_defaults, sample_training, inherited, recipe, request.settings
    )
    check_seed(request.seed)
    config = RunConfig(
        request.task,
        train,
        absolute_paths(request.dev),
        absolute_paths(request.test),
        values,
        request.seed,
        request.device,
        None if request.time_limit is None else parse_duration(request.time_limit),
        held_out_seed=HELD_OUT_SEED,
        held_out_more=True,
        processes=request.processes,
        init_from=request.init_from and str(Path(request.init_from).absolute()),
    )
    config.build_task()
    config.build_options()
    return config


def merge_settings(defaults: Mapping[str, Any], *layers: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of all layers, without the defaults; later layers take precedence.

    A layer with only one of batch_size and batch_tokens replaces both of an earlier layer:

        merge_settings({"batch_tokens": 1200}, {"batch_size": 32})
        -> {"batch_size": 32, "batch_tokens": None}

    A layer with another optimizer drops the learning rate and the decay of earlier layers.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        earlier = {"optimizer": options.fields(Options)["optimizer"].default, **defaults, **values}
        if layer.get("optimizer", earlier["optimizer"]) != earlier["optimizer"]:
            values |= {
                name: options.fields(Options)[name].default
                for name in OPTIMIZER_SETTINGS
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
    """Raises InputError for a seed outside the range of the random generators."""
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed must be between 0 and 2**63 - 1; got {seed}")


def absolute_paths(files: Files) -> list[str]:
    """One file or several, as absolute paths: a run may be resumed from another folder."""
    files = [files] if isinstance(files, (str, Path)) else list(files)
    return [str(file) if str(file) == "-" else str(Path(file).absolute()) for file in files]


def relative_path(file: str) -> str:
    """A file below the working directory as a relative path, as the user probably wrote it."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def parse_duration(text: str, name: str = "time_limit") -> float:
    """Parses a duration such as 90s, 10m or 1h30m as seconds; a bare number is seconds.

    parse_duration("1h30m") -> 5400.0"""
    units = {"h": 3600, "m": 60, "s": 1, "": 1}
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms]?)", str(text))
    total = sum(float(number) * units[unit] for number, unit in parts)
    if not total or "".join(number + unit for number, unit in parts) != str(text):
        flag = options.as_flag(name)
        raise InputError(f"{flag}: expected a time such as 90s, 10m or 2h; got '{text}'")
    return total
