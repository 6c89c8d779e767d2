"""The signature of a command: its parameters are arguments and flags, its docstring is their help.

    def predict(run: str, files: list[str] = ["-"], *, seed: int = 1, **options) -> ...:
        \"\"\"Predictions, one line for each line of input.

        Args:
            run: the folder that `ostinato train` made
            files: what to read; - is standard input
            seed: of the random numbers
        \"\"\"

Positional parameters become arguments and keyword-only ones flags; `**options` stands for the
options of the task."""

from __future__ import annotations

import functools
import inspect
import os
import re
import textwrap
import typing
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

from ostinato.errors import option_name
from ostinato.options import Field, check, parse_annotation

# texts that may be numbers: seconds, a count of threads
NUMBERS_TOO = ("time_limit", "trial_time_limit", "process_timeout", "threads")

Command = TypeVar("Command", bound=Callable[..., Any])


class Parameters(NamedTuple):
    """What a command takes; `takes_options`: the options of the task, too."""

    positional: list[Field]
    flags: list[Field]
    takes_options: bool


def docstring(function: Callable) -> str:
    return inspect.getdoc(function) or ""


def summary(function: Callable) -> str:
    """The first line of the docstring."""
    return docstring(function).split("\n")[0]


def parse_arguments_section(text: str) -> dict[str, str]:
    """The `Args:` section of a Google-style docstring.

    "...Args:\\n    run: the folder,\\n        or several" -> {"run": "the folder, or several"}"""
    section = re.search(r"^Args:\n((?: +.*\n?|\n)*)", text, re.MULTILINE)
    helps: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(section[1]).split("\n") if section else []:
        if name and line.startswith(" "):
            helps[name] += " " + line.strip()
        elif ":" in line:
            name, _, help = line.partition(":")
            helps[name] = help.strip()
    return helps


def parameters(function: Callable) -> Parameters:
    """The parameters of a function, each with its help."""
    hints, helps = typing.get_type_hints(function), parse_arguments_section(docstring(function))
    found = Parameters([], [], False)
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            found = found._replace(takes_options=True)
            continue
        field = parse_annotation(
            name,
            hints[name],
            parameter.default,
            {"help": helps.get(name, ""), "or_number": name in NUMBERS_TOO},
        )
        (found.flags if parameter.kind is parameter.KEYWORD_ONLY else found.positional).append(
            field
        )
    return found


def check_types(function: Command) -> Command:
    """The function, whose keyword arguments raise an InputError where they are of another type.

    From the command line they are of the right one; a Python program may pass anything. Lists,
    which may hold files or examples, are looked at where they are used."""
    flags = {field.name: field for field in parameters(function).flags if not field.many}

    @functools.wraps(function)
    def checked(*arguments: Any, **values: Any) -> Any:
        for name, value in values.items():
            if name in flags and value is not flags[name].default:
                plain = os.fspath(value) if isinstance(value, os.PathLike) else value
                values[name] = check(flags[name], plain, option_name)
        return function(*arguments, **values)

    return cast(Command, checked)
