"""The command line: flags from functions and dataclasses, errors in one line, exit statuses as documented.

0 success; 2 what the user can put right (one line on stderr); 1 our own failure; 130 and 143 after an interrupt."""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable
from itertools import chain, pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from ostinato import options
from ostinato.errors import InputError, Interrupted, nearest
from ostinato.options import Field

COMMANDS = {
    "train": "from files to a trained model: ostinato train translation --train train.de train.en --out runs/de-en",
    "evaluate": "its scores on a test set: ostinato evaluate runs/de-en test.de test.en",
    "predict": "its answers, a line each: ostinato predict runs/de-en new.de > new.en",
    "generate": "what it makes up, shown as it is made: ostinato generate runs/language --prompt ROMEO: --length 500",
    "score": "log-probability of each example: ostinato score runs/de-en test.de test.en",
    "rescore": "reorder an n-best list: ostinato rescore runs/de-en list.nbest --source test.de",
    "compare": "several models on the same data: ostinato compare classification --models bag-of-words,convolution,gru,lstm",
    "verify": "check a trained model's laws: ostinato verify runs/de-en",
    "benchmark": "what runs fast here, and why not: ostinato benchmark",
    "tasks": "the tasks, what each reads and an example command: ostinato tasks",
}


TAKING_TASKS = (
    "train",
    "compare",
)  # the commands whose first argument is a task; that of the others is a run


class OneLineParser(argparse.ArgumentParser):
    """argparse, with errors of one line and exit status 2."""

    def __init__(self, **keywords):
        super().__init__(allow_abbrev=False, formatter_class=HelpFormatter, **keywords)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{self.prog}: {message}; see {self.prog} --help")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=30, width=100)


def add_flag(parser: argparse.ArgumentParser, field: Field) -> None:
    """One option as a flag; a boolean gets --no-..., too."""
    help = field.metadata.get("help", "").replace("%", "%%")
    if field.default not in (None, inspect.Parameter.empty, "", False) and not field.many:
        help += f" (default: {field.default})"
    settings: dict[str, Any] = {"help": help, "default": argparse.SUPPRESS, "dest": field.name}
    if field.type is bool:
        parser.add_argument(field.flag, action=argparse.BooleanOptionalAction, **settings)
        return
    if field.choices:
        settings["metavar"] = "|".join(map(str, field.choices))
    else:
        settings["metavar"] = (
            {int: "N", float: "X"}.get(field.type, "TEXT")
            if field.type is not str
            else metavar(field)
        )
    parser.add_argument(
        field.flag, type=reader(field), nargs="+" if field.many else None, **settings
    )


METAVARS = {
    "out": "RUN",
    "against": "RUN",
    "recipe": "NAME|FILE",
    "time_limit": "TIME",
    "device": "cpu|cuda|auto",
}


def metavar(field: Field) -> str:
    if field.name in METAVARS:
        return METAVARS[field.name]
    return (
        "FILE"
        if field.name in ("train", "dev", "test", "output", "source", "embeddings") or field.many
        else "TEXT"
    )


def reader(field: Field):
    """Text from the command line -> the field's type, with the range checks of options.check."""

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


def build_parser(
    name: str,
    function: Any,
    more: Iterable[tuple[str, Iterable[Field]]],
    extra: Iterable[Field],
    examples: Iterable[str] = (),
) -> OneLineParser:
    """The parser of one command: its parameters, then groups of a task's options."""
    from ostinato.signature import parameters, summary

    positional, flags, _ = parameters(function)
    examples = list(examples) or [COMMANDS[name].split(": ", 1)[1]]
    usage = " ".join(["ostinato", name, *map(shown_argument, positional), "[options]"])
    parser = OneLineParser(
        prog=f"ostinato {name}",
        usage=usage,
        description="\n  ".join([f"{summary(function)}\n\nExamples:", *examples]),
    )
    for field in positional:
        required = field.default is inspect.Parameter.empty
        nargs = ("+" if required else "*") if field.many else (None if required else "?")
        default = {} if required else {"default": field.default}
        parser.add_argument(
            field.name,
            nargs=nargs,
            metavar=shown_name(field),
            help=field.metadata["help"].replace("%", "%%"),
            **default,
        )
    own = [*flags, *extra]
    for field in own:
        add_flag(parser, field)
    taken = {
        field.name for field in own
    }  # a command's own flag hides a task's option of the same name
    for title, group_fields in more:
        group = parser.add_argument_group(title)
        for field in group_fields:
            if field.name not in taken:
                add_flag(group, field)
    return parser


def shown_name(field: Field) -> str:
    """files -> FILE, run -> RUN"""
    return field.name.upper().rstrip("S") if field.many else field.name.upper()


def shown_argument(field: Field) -> str:
    """files -> FILE..., or [FILE...] where there may be none"""
    name = shown_name(field) + "..." * field.many
    return name if field.default is inspect.Parameter.empty else f"[{name}]"


def examples_of(command: str, module: ModuleType, arguments: list[str]) -> list[str]:
    """What `--help` begins with: the command's own examples; for `train TASK` those of the task, with its recipes."""
    own = list(getattr(module, "EXAMPLES", ()))
    if command != "train" or all(argument.startswith("-") for argument in arguments):
        return own
    from ostinato.commands.recipe import names_for
    from ostinato.tasks import TASKS, find_task

    task = find_task(subject(arguments, TASKS.__contains__))
    return [
        f"ostinato train {task.name}{' ' * 10}# on the sample that the package carries",
        task.example,
        *(f"ostinato train {task.name} --recipe {name} ..." for name in names_for(task.name)),
        f"ostinato train {task.name} --out runs/{task.name} --resume{' ' * 10}# what was stopped goes on",
    ]


def task_options(command: str, arguments: list[str]) -> list[tuple[str, list[Field]]]:
    """The options that depend on the task: all of them for `train TASK`, those for predicting when a run is given."""
    if all(argument.startswith("-") for argument in arguments):
        return []
    from ostinato.tasks import TASKS, find_task

    if command in TAKING_TASKS:
        from ostinato.training.options import Options

        task = find_task(subject(arguments, TASKS.__contains__))
        defaults = task.training
        training = [
            field._replace(default=defaults.get(name, field.default))
            for name, field in options.fields(Options).items()
        ]
        return [
            (
                f"the {task.name} task, which reads {task.reads}",
                list(options.fields(task.options).values()),
            ),
            ("training", training),
        ]
    return [
        (
            "decoding",
            [
                field
                for field in task_fields_of_run(arguments)
                if field.metadata.get("when_predicting")
            ],
        )
    ]


def task_fields_of_run(arguments: list[str]) -> list[Field]:
    """All options of the task of the run among the arguments."""
    from ostinato.tasks import find_task
    from ostinato.tasks.folder import describe

    run = subject(arguments, lambda word: (Path(word.split(",")[0]) / "model.json").is_file())
    return list(options.fields(find_task(describe(run.split(",")[0])["task"]).options).values())


def subject(arguments: list[str], known: Callable[[str], bool]) -> str:
    """The task or run among the arguments, wherever it stands: subject(["--epochs", "3", "translation"], ...) -> "translation"."""
    words = [word for word in arguments if not word.startswith("-")]
    after_flags = {word for flag, word in pairwise(arguments) if flag.startswith("--")}
    return next(
        chain(filter(known, words), (word for word in words if word not in after_flags), words)
    )


def parse(command: str, module: ModuleType, arguments: list[str]) -> dict[str, Any]:
    """The command's keyword arguments from the command line."""
    from ostinato.signature import parameters

    function = getattr(module, command)
    open_ended = parameters(function)[2]
    groups = task_options(command, arguments) if open_ended else []
    examples = (
        examples_of(command, module, arguments) if open_ended else getattr(module, "EXAMPLES", ())
    )
    parser = build_parser(
        command, function, groups, OUTPUT_FLAGS if hasattr(module, "lines") else (), examples
    )
    known, unknown = parser.parse_known_intermixed_args(
        arguments
    )  # files may stand behind flags, as in `predict RUN --json -`
    if unknown:
        flags = [
            flag
            for action in parser._actions
            for flag in action.option_strings
            if flag.startswith("--")
        ]
        wrong = unknown[0].split("=")[0]
        if open_ended and command not in TAKING_TASKS:
            refuse_fixed(command, arguments, wrong)
        raise InputError(
            f"ostinato {command}: unknown {'flag' if wrong.startswith('-') else 'argument'} {wrong}"
            f"{nearest(wrong, flags) if wrong.startswith('-') else f'; see ostinato {command} --help'}"
        )
    return vars(known)


def refuse_fixed(command: str, arguments: list[str], flag: str) -> None:
    """InputError if the flag is an option of the run's task, but one that only training takes."""
    fields = task_fields_of_run(arguments)
    if flag.replace("--no-", "--") in [field.flag for field in fields]:
        changeable = (
            ", ".join(field.flag for field in fields if field.metadata.get("when_predicting"))
            or "none"
        )
        raise InputError(
            f"ostinato {command}: {flag} cannot be changed on a trained model; options that can: {changeable}"
        )


OUTPUT_FLAGS = [
    options.parse_annotation("json", bool, False, {"help": "print JSON"}),
    options.parse_annotation(
        "output", str, None, {"help": "write the result to this file instead of the terminal"}
    ),
]


def run(command: str, arguments: list[str]) -> None:
    """Calls the command and prints, or writes, what it gives."""
    module = importlib.import_module(f"ostinato.commands.{command}")
    values = parse(command, module, arguments)
    as_json, output = values.pop("json", False), values.pop("output", None)
    if output is not None:
        check_output(output)
    positional = [values.pop(field.name) for field in signature_positionals(module, command)]
    result = getattr(module, command)(*positional, **values)
    if hasattr(module, "pieces") and output is None and not as_json:
        print_pieces(module.pieces(result))
        return
    if hasattr(module, "save") and output is not None and not as_json:
        module.save(result, output)
        return
    lines = module.lines(result, json=as_json)
    if output is None:
        print_lines(lines)
        return
    from ostinato.data.files.atomic import write_atomically

    write_atomically(output, "".join(line + "\n" for line in lines).encode())


def print_lines(lines: Iterable[str]) -> None:
    """To stdout; a person sees each line at once."""
    print_pieces(f"{line}\n" for line in lines)


def print_pieces(pieces: Iterable[str]) -> None:
    """To stdout; a person sees each piece at once. Raises InputError where it cannot be written (disk full)."""
    for piece in chain(pieces, [None]):
        try:
            if piece is None:
                sys.stdout.flush()
            else:
                print(piece, end="", flush=sys.stdout.isatty())
        except BrokenPipeError:
            raise
        except OSError as error:
            discard_output()
            raise InputError(
                f"standard output: {error.strerror}; make room and run again"
            ) from None


def discard_output() -> None:
    """What is still in stdout's buffer has nowhere to go, and Python would complain of that when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_output(output: str) -> None:
    """Says before the work, not after it, that its result has nowhere to go."""
    path = Path(output)
    if path.is_dir():
        raise InputError(f"{output}: a folder; name a file")
    if not path.parent.is_dir():
        raise InputError(f"{output}: there is no folder {path.parent}; create it first")


def signature_positionals(module: ModuleType, command: str) -> list[Field]:
    from ostinato.signature import parameters

    return parameters(getattr(module, command))[0]


def print_help() -> None:
    width = max(map(len, COMMANDS))
    print(
        "ostinato: learning from sequences with recurrent neural networks\n\nUsage: ostinato COMMAND ...\n"
    )
    print("\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items()))
    print(
        "\nStart with `ostinato train translation`, which needs no files. Every command explains itself: ostinato COMMAND --help"
    )


def main(arguments: list[str] | None = None) -> int:
    """The entry point; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print_help()
        return 0
    if arguments[0] == "--version":
        from ostinato import __version__

        print(f"ostinato {__version__}")
        return 0
    try:
        command = arguments[0]
        if command not in COMMANDS:
            raise InputError(f"ostinato: unknown command '{command}'{nearest(command, COMMANDS)}")
        run(command, arguments[1:])
        return 0
    except InputError as error:
        print(" ".join(str(error).split("\n")), file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output (head, say) has had enough
        discard_output()
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        print(
            f"{error.filename}: {error.strerror}", file=sys.stderr
        )  # a name too long, a folder closed to us
        return 2
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return interrupted.status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1


if __name__ == "__main__":
    sys.exit(main())
