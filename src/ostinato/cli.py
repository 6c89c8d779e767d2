"""The command line: finds the command, calls it, prints its result, reports errors in one line."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

from ostinato.errors import InputError, nearest
from ostinato.exit_status import exit_status_of
from ostinato.terminal import escape_controls, make_encodable, open_missing_streams, print_text

COMMANDS = {
    "train": "a model from files: "
    "ostinato train translation --train train.de train.en --out runs/de-en",
    "evaluate": "a model's scores on a test set: ostinato evaluate runs/de-en test.de test.en",
    "predict": "predictions, one line per input: ostinato predict runs/de-en new.de > new.en",
    "generate": "samples, shown while they are made: "
    "ostinato generate runs/language --prompt ROMEO: --length 500",
    "score": "log-probability of each example: ostinato score runs/de-en test.de test.en",
    "rescore": "reorder an n-best list: ostinato rescore runs/de-en list.nbest --source test.de",
    "compare": "several models on the same data: "
    "ostinato compare classification --models bag-of-words,convolution,gru,lstm",
    "search": "good settings, found by training many models: "
    "ostinato search classification --trials 30 --trial-time-limit 60s",
    "merge": "the mean of the weights of several runs as one run: "
    "ostinato merge runs/a runs/b --out runs/merged",
    "inspect": "what happens inside, as a picture or a page: "
    'ostinato inspect gates runs/language "To be or not" --output gates.html',
    "export": "a model for ONNX Runtime, a browser or NumPy: "
    "ostinato export runs/language --format html --output model.html",
    "serve": "a model over HTTP, with sessions that keep its state: ostinato serve runs/de-en",
    "verify": "check a trained model's laws: ostinato verify runs/de-en",
    "benchmark": "the kernels' speed on this machine: ostinato benchmark",
    "tasks": "the tasks, what each reads and an example command: ostinato tasks",
}


def run(name: str, arguments: list[str]) -> None:
    """Calls a command with the arguments from the command line, and prints or writes its result."""
    from ostinato.commands.command import Command, StreamingCommand
    from ostinato.commands.run.command_beginning import note_command_beginning
    from ostinato.options import as_flag
    from ostinato.signature import parameters

    if name == "train":  # a time limit counts from here
        note_command_beginning()
    command = cast(Command, importlib.import_module(f"ostinato.commands.{name}"))
    function = getattr(command, name)
    values = parse(name, command, arguments)
    as_json = values.pop("json", False)
    writes_itself = "output" in {field.name for field in parameters(function).flags}
    output = None if writes_itself else values.pop("output", None)
    for field in parameters(function).flags:
        if field.default is inspect.Parameter.empty and field.name not in values:
            raise InputError(
                f"ostinato {name}: {as_flag(field.name)} is missing; see ostinato {name} --help"
            )
    if writes_itself:
        check_folder(values["output"])
    if output is not None:
        check_output(output)
    positional = [values.pop(field.name) for field in parameters(function).positional]
    result = function(*positional, **values)
    if isinstance(command, StreamingCommand) and not as_json:
        if output is None:
            print_pieces(command.pieces(result))
        else:
            command.save(result, output)
        return
    lines = command.lines(result, json=as_json)
    if output is None:
        print_lines(lines)
        return
    from ostinato.data.files.atomic import write_atomically

    text = make_encodable("".join(line + "\n" for line in lines))
    write_atomically(output, text.encode())


def parse(name: str, command: Any, arguments: list[str]) -> dict[str, Any]:
    """The arguments that were given, by name.

    Raises:
        InputError: an unknown flag or argument, or a value that its option does not accept.
    """
    from ostinato import option_groups, parser, task_flags
    from ostinato.options import parse_annotation
    from ostinato.signature import parameters

    function = getattr(command, name)
    takes_options = parameters(function).takes_options
    output_flags = [
        parse_annotation("json", bool, False, {"help": "print JSON"}),
        parse_annotation(
            "output",
            str,
            None,
            {"help": "write the result to this file instead of the terminal"},
        ),
    ]
    own = {field.name for field in parameters(function).flags}
    output_flags = [field for field in output_flags if field.name not in own]
    everything = name not in task_flags.TAKING_TASKS or parser.FULL_HELP in arguments
    built = parser.build_parser(
        name,
        function,
        task_flags.find_options(name, arguments) if takes_options else [],
        output_flags,
        task_flags.find_examples(name, arguments) or command.EXAMPLES,
        about=task_flags.describe_task(name, arguments),
        visible=None if everything else option_groups.COMMON,
    )
    known, unknown = built.parse_known_intermixed_args(arguments)
    if unknown:
        wrong = unknown[0].split("=")[0]
        if not wrong.startswith("-"):
            raise InputError(
                f"ostinato {name}: unknown argument {wrong}; see ostinato {name} --help"
            )
        if takes_options and name not in task_flags.TAKING_TASKS:
            task_flags.refuse_fixed(name, arguments, wrong)
        raise InputError(f"ostinato {name}: unknown flag {wrong}{nearest(wrong, built.flags())}")
    return vars(known)


def print_lines(lines: Iterable[str]) -> None:
    """Prints lines to stdout, at once on a terminal."""
    print_pieces(f"{line}\n" for line in lines)


def print_pieces(pieces: Iterable[str]) -> None:
    """Prints text to stdout; on a terminal piece by piece, with control characters escaped.

    Raises:
        InputError: stdout cannot be written (disk full).
    """
    terminal = sys.stdout.isatty()
    for piece in pieces:
        print_text(escape_controls(piece) if terminal else piece, flush=terminal)
    print_text("", flush=True)


def check_output(output: str) -> None:
    """InputError, before the work begins, if the output file cannot be created."""
    check_folder(output)
    if Path(output).is_dir():
        raise InputError(f"{output}: a folder; name a file")


def check_folder(output: str) -> None:
    """InputError if there is no name, or the folder in which the output is to be does not exist."""
    if not output:
        raise InputError("--output is empty; name the file to write")
    parent = Path(output).parent
    if not parent.is_dir():
        raise InputError(f"{output}: there is no folder {parent}; create it first")


def describe_commands() -> Iterator[str]:
    """The overview of all commands, line by line."""
    width = max(map(len, COMMANDS))
    yield "ostinato: learning from sequences with recurrent neural networks\n"
    yield "Usage: ostinato COMMAND ...\n"
    yield from (f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    yield (
        "\nStart with `ostinato train translation`, which needs no files. "
        "Every command explains itself: ostinato COMMAND --help"
    )


def main(arguments: list[str] | None = None) -> int:
    """The entry point; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    open_missing_streams()
    return exit_status_of(partial(start, arguments))


def start(arguments: list[str]) -> None:
    """Shows the overview or the version, or runs the command that the first argument names."""
    if sys.stdout is None:
        raise InputError("standard output is closed; send it to a file or to /dev/null")
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print_lines(describe_commands())
        return
    if arguments[0] == "--version":
        from ostinato import __version__

        print_lines([f"ostinato {__version__}"])
        return
    if arguments[0] not in COMMANDS:
        raise InputError(
            f"ostinato: unknown command '{arguments[0]}'{nearest(arguments[0], COMMANDS)}"
        )
    run(arguments[0], arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
