"""Command-line parsers made of Fields: arguments, flags, option groups, short and full help."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from ostinato import options
from ostinato.errors import InputError
from ostinato.options import Field
from ostinato.signature import parameters, summary
from ostinato.terminal import print_text

METAVARS = {
    "out": "RUN",
    "against": "RUN",
    "clamp": "LAYER.UNIT=VALUE",
    "recipe": "NAME|FILE",
    "time_limit": "TIME",
    "process_timeout": "TIME",
    "threads": "N|auto",
    "init_from": "RUN",
    "device": "cpu|cuda|auto",
}
FILES = ("train", "dev", "test", "output", "source", "embeddings")  # options that name a file
FULL_HELP = "--help-all"


class OneLineParser(argparse.ArgumentParser):
    """argparse, with errors of one line and exit status 2."""

    def __init__(self, **keywords: Any):
        super().__init__(allow_abbrev=False, formatter_class=HelpFormatter, **keywords)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{self.prog}: {message}; see {self.prog} --help")

    def print_help(self, file: Any = None) -> None:
        """Prints the help; argparse would keep silent where that fails."""
        print_text(self.format_help())

    def flags(self) -> list[str]:
        """All long flags, also those that the short help leaves out."""
        flags = (flag for action in self._actions for flag in action.option_strings)
        return [flag for flag in flags if flag.startswith("--")]


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=30, width=100)


def build_parser(
    name: str,
    function: Callable,
    groups: Iterable[tuple[str, Iterable[Field]]],
    extra: Iterable[Field],
    examples: Iterable[str] = (),
    *,
    about: str = "",
    visible: frozenset[str] | None = None,
) -> OneLineParser:
    """The parser of one command.

    Args:
        name: the command's name
        function: its parameters are the command's own arguments and flags
        groups: options of the task, by the title of their group; a flag of the command hides an
            option of its name
        extra: flags besides those of the function
        examples: complete command lines, which the help begins with
        about: a sentence that the help puts after the summary
        visible: names of the options in `groups` that the help shows; None shows all
    """
    positional, flags, takes_options = parameters(function)
    usage = " ".join(["ostinato", name, *map(argument_usage, positional), "[options]"])
    header = [summary(function), about, "Examples:"]
    parser = OneLineParser(
        prog=f"ostinato {name}",
        usage=usage,
        description="\n  ".join(["\n\n".join(filter(None, header)), *examples]),
    )
    if takes_options:
        parser.add_argument(FULL_HELP, action="help", help="show every option, also the rare ones")
    for field in positional:
        add_argument(parser, field)
    own = [*flags, *extra]
    for field in own:
        add_flag(parser, field)
    taken = {field.name for field in own}
    for title, members in groups:
        group = parser.add_argument_group(title)
        for field in members:
            if field.name not in taken:
                add_flag(group, field, hidden=visible is not None and field.name not in visible)
    return parser


def add_argument(parser: argparse.ArgumentParser, field: Field) -> None:
    """A positional argument, required unless it has a default."""
    required = field.default is inspect.Parameter.empty
    parser.add_argument(
        field.name,
        nargs=("+" if required else "*") if field.many else (None if required else "?"),
        metavar=argument_name(field),
        help=escape(field.metadata["help"]),
        **({} if required else {"default": field.default}),
    )


def add_flag(parser: argparse._ActionsContainer, field: Field, *, hidden: bool = False) -> None:
    """Adds an option as a flag, a boolean one also as --no-...; the help omits a `hidden` flag."""
    help = argparse.SUPPRESS if hidden else flag_help(field)
    # no default here: only what was given is passed on, as it overrides recipes and defaults
    settings: dict[str, Any] = {"help": help, "default": argparse.SUPPRESS, "dest": field.name}
    if field.type is bool:
        parser.add_argument(field.flag, action=argparse.BooleanOptionalAction, **settings)
        return
    parser.add_argument(
        field.flag,
        type=reader(field),
        nargs="+" if field.many else None,
        metavar=metavar(field),
        **settings,
    )


def flag_help(field: Field) -> str:
    """The help with the default, where there is one worth telling."""
    help = escape(field.metadata.get("help", ""))
    if field.default in (None, inspect.Parameter.empty, "", False) or field.many:
        return help
    # a task may have a default of its own where the help describes the general one
    return f"{re.sub(r' [(]default: .*[)]$', '', help)} (default: {field.default})"


def escape(help: str) -> str:
    """argparse formats help texts with %."""
    return help.replace("%", "%%")


def metavar(field: Field) -> str:
    """What the help calls the value of a flag: "rnn|gru|lstm", "N", "FILE"."""
    if field.choices:
        return "|".join(map(str, field.choices))
    if field.type is not str:
        return {int: "N", float: "X"}.get(field.type, "TEXT")
    if field.name in METAVARS:
        return METAVARS[field.name]
    return "FILE" if field.name in FILES or field.many else "TEXT"


def argument_name(field: Field) -> str:
    """files -> FILE, run -> RUN"""
    return field.name.upper().rstrip("S") if field.many else field.name.upper()


def argument_usage(field: Field) -> str:
    """files -> FILE..., or [FILE...] where there may be none"""
    name = argument_name(field) + "..." * field.many
    return name if field.default is inspect.Parameter.empty else f"[{name}]"


def reader(field: Field) -> Callable[[str], Any]:
    """A function that converts text to the field's type, with the checks of options.check_one."""

    def read(text: str) -> Any:
        if field.optional and text == "none" and field.type is not str:
            return None
        try:
            value = field.type(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"expected {options.WORDS[field.type]}, got {text!r}"
            ) from None
        try:
            return options.check_one(field, value, "it")
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error).removeprefix("it: ")) from None

    return read
