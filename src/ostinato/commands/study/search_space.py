"""The search space: which options a study varies, and over which values.

By default the space is centred on the task's defaults. A TOML file defines another:

    [hidden_size]
    low = 64
    high = 512
    log = true

    [cell]
    choices = ["gru", "lstm"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ostinato import options
from ostinato.data.files.lines import read_lines
from ostinato.data.files.wording import first_line
from ostinato.errors import InputError, nearest
from ostinato.options import Field
from ostinato.tasks.task import TaskDefinition
from ostinato.training.options import LEARNING_RATES, Options

RANGE_KEYS = {"low", "high", "log", "step"}


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, with a uniform prior, or log-uniform with `log`.

    Args:
        low: The least value.
        high: The greatest value.
        log: Whether the prior is uniform in the logarithm.
        step: The spacing of the values; None: 1 for integers, continuous for other numbers.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def suggest(self, trial: Any, name: str) -> Any:
        """The value that an optuna trial proposes."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            step = 1 if self.step is None else int(self.step)
            return trial.suggest_int(name, self.low, self.high, step=step, log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def nearest(self, value: Any) -> Any:
        """The value of the range nearest to `value`; the lowest one if that is not a number."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self.low
        inside = min(max(value, self.low), self.high)
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        step = self.step or (1 if whole and not self.log else None)
        if step:
            inside = min(self.low + step * round((inside - self.low) / step), self.high)
        return round(inside) if whole else float(inside)


@dataclass(frozen=True)
class Choices:
    """One of several values."""

    choices: tuple[Any, ...]

    def suggest(self, trial: Any, name: str) -> Any:
        """The value that an optuna trial proposes."""
        return trial.suggest_categorical(name, self.choices)

    def nearest(self, value: Any) -> Any:
        """The value if it is a choice, otherwise the first choice."""
        return value if value in self.choices else self.choices[0]


SearchSpace = dict[str, Range | Choices]


def default_space(task: TaskDefinition, values: Mapping[str, Any]) -> SearchSpace:
    """The default search space of a task.

    Args:
        task: The task whose options are searched.
        values: Options that differ from the task's defaults, from its sample, a recipe or flags.

    Returns:
        Ranges of learning rate, cell, sizes, depth and regularisation, where the task has them.
    """
    known = known_options(task)
    defaults = {name: field.default for name, field in known.items()} | dict(values)
    rate = defaults["learning_rate"] or LEARNING_RATES[defaults["optimizer"]]
    space: SearchSpace = {"learning_rate": Range(rate / 5, rate * 5, log=True)}
    if "cell" in known:
        space["cell"] = Choices(tuple(dict.fromkeys([defaults["cell"], "gru", "lstm"])))
    for name in ("hidden_size", "embedding_size"):
        if defaults.get(name):
            size = 2 * max(
                1, round(defaults[name] / 2)
            )  # even: two directions have half of the units each
            space[name] = Range(max(2, 2 * (size // 8)), 2 * size, step=2)
    if "layers" in known:
        space["layers"] = Range(1, max(3, defaults["layers"]))
    if "dropout" in known:
        space["dropout"] = Range(0.0, 0.6)
    if defaults.get("label_smoothing"):
        space["label_smoothing"] = Range(0.0, 0.2)
    for name in ("batch_size", "batch_tokens"):
        if defaults.get(name):
            size = defaults[name]
            space[name] = Range(max(1, size // 2), 2 * size, log=True)
    if defaults.get("clip_norm"):
        space["clip_norm"] = Range(0.5, 10.0, log=True)
    return space


def known_options(task: TaskDefinition) -> dict[str, Field]:
    """The options of a task and of training by name, with the task's defaults."""
    training = {
        name: field._replace(default=task.training.get(name, field.default))
        for name, field in options.fields(Options).items()
    }
    return {**options.fields(task.options), **training}


def read_space(path: str, task: TaskDefinition) -> SearchSpace:
    """Reads a search space from a TOML file.

    Raises:
        InputError: The file is not TOML, or has an unknown option or an invalid value.
    """
    try:
        content = tomllib.loads("\n".join(read_lines(Path(path))))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not TOML: {first_line(error)}") from None
    wanted = content.pop("task", task.name)
    if wanted != task.name:
        raise InputError(f"{path}: a search space for {str(wanted)[:60]}, not for {task.name}")
    known = known_options(task)
    if not content:
        raise InputError(f"{path}: names no option to vary, such as [learning_rate]")
    space: SearchSpace = {}
    for name, entry in content.items():
        if name not in known:
            raise InputError(f"{path}: {name}: no such option{nearest(name, known)}")
        space[name] = parse_entry(entry, known[name], f"{path}: {name}")
    return space


def parse_entry(entry: Any, field: Field, where: str) -> Range | Choices:
    """A Range or Choices from a table of the TOML file, checked against the option."""
    if not isinstance(entry, dict):
        raise InputError(f"{where}: expected a table with low and high, or with choices")
    if "choices" in entry:
        if set(entry) != {"choices"} or not isinstance(entry["choices"], list):
            raise InputError(f"{where}: expected choices = [...] and nothing else")
        if not entry["choices"]:
            raise InputError(f"{where}: choices is empty")
        checked = [options.check(field, value, lambda _: where) for value in entry["choices"]]
        return Choices(tuple(dict.fromkeys(checked)))
    if unknown := sorted(set(entry) - RANGE_KEYS):
        raise InputError(f"{where}: unknown key {unknown[0]}{nearest(unknown[0], RANGE_KEYS)}")
    if field.type not in (int, float):
        raise InputError(f"{where}: no number; list its values with choices = [...]")
    if not {"low", "high"} <= set(entry):
        raise InputError(f"{where}: expected low and high, or choices")
    low, high = (options.check(field, entry[key], lambda _: where) for key in ("low", "high"))
    step, log = entry.get("step"), entry.get("log", False)
    if not isinstance(log, bool):
        raise InputError(f"{where}: log is true or false; got {log!r:.40}")
    if step is not None and (isinstance(step, bool) or not isinstance(step, (int, float))):
        raise InputError(f"{where}: step is a number; got {step!r:.40}")
    if step is not None and (step <= 0 or log or (field.type is int and step != int(step))):
        raise InputError(
            f"{where}: step must be above 0, an integer for an integer option, and without log"
        )
    if not low < high:
        raise InputError(f"{where}: low must be below high; got {low} and {high}")
    if log and low <= 0:
        raise InputError(f"{where}: low must be above 0 with log = true; got {low}")
    return Range(low, high, log, step)


def space_to_dict(space: SearchSpace) -> dict[str, dict[str, Any]]:
    """The space as a dictionary that can be written as JSON."""
    return {name: asdict(entry) for name, entry in space.items()}


def space_from_dict(content: Mapping[str, Mapping[str, Any]]) -> SearchSpace:
    """The inverse of `space_to_dict`."""
    return {
        name: Choices(tuple(entry["choices"])) if "choices" in entry else Range(**entry)
        for name, entry in content.items()
    }
