"""A command is a function; its flags are the function's own parameters, and their help is its docstring.

    def predict(run: str, files: list[str] = ["-"], *, seed: int = 1) -> ...:
        \"\"\"Answers, one line for each line of input.

        run     the folder that `ostinato train` made
        files   what to read; - is standard input
        seed    ...
        \"\"\"

Positional parameters become arguments, keyword-only ones flags; a `**options` takes those of the task."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable

from ostinato.options import Field, parse_annotation


def summary(function: Callable) -> str:
    """The first line of the docstring."""
    return inspect.getdoc(function).split("\n")[0]


def parameter_help(function: Callable) -> dict[str, str]:
    """{parameter: its line (or indented lines) of the docstring}"""
    helps: dict[str, str] = {}
    name = None
    for line in inspect.getdoc(function).split("\n"):
        start = re.match(r"(\w+) {2,}(\S.*)", line)
        if start:
            name = start[1]
            helps[name] = start[2]
        elif name and re.match(r" {3,}\S", line):
            helps[name] += " " + line.strip()
        else:
            name = None
    return helps


def parameters(function: Callable) -> tuple[list[Field], list[Field], bool]:
    """(positional arguments, flags, whether it takes the task's options besides)."""
    hints, helps = typing.get_type_hints(function), parameter_help(function)
    positional, flags, open_ended = [], [], False
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            open_ended = True
            continue
        field = parse_annotation(
            name, hints[name], parameter.default, {"help": helps.get(name, "")}
        )
        (flags if parameter.kind is parameter.KEYWORD_ONLY else positional).append(field)
    return positional, flags, open_ended
