"""The command line itself: flags made from functions and dataclasses, exit statuses, quick help."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Literal

import pytest

from ostinato import cli, options
from ostinato.commands.command import Command, StreamingCommand
from ostinato.errors import InputError, Interrupted
from ostinato.option_groups import COMMON, GROUP_OF, GROUPS, group_of, group_options
from ostinato.options import option
from ostinato.parser import build_parser
from ostinato.signature import parameters, parse_arguments_section, summary
from ostinato.task_flags import find_subject
from ostinato.tasks import TASKS
from ostinato.training.options import Options


def example(
    run: str,
    files: list[str] = ["-"],  # noqa: B006
    *,
    seed: int = 1,
    tune: list[str] = [],  # noqa: B006
    loud: bool = False,
    weight: float | None = 0.5,
    kind: Literal["one", "two"] = "one",
    **rest,
) -> None:
    """Does something.

    Args:
        run: the folder,
            which goes on here
        files: what to read
        seed: 100 % chance
        loud: says more
    """


def flags(arguments):
    return vars(build_parser("tasks", example, [], []).parse_args(arguments))


def test_flags_are_the_functions_parameters():
    assert flags(["runs/x"]) == {"run": "runs/x", "files": ["-"]}
    assert flags(["x", "a", "b", "--seed", "3", "--loud"]) == {
        "run": "x",
        "files": ["a", "b"],
        "seed": 3,
        "loud": True,
    }
    assert flags(
        ["x", "--no-loud", "--tune", "a", "b", "c", "--weight", "none", "--kind", "two"]
    ) == {
        "run": "x",
        "files": ["-"],
        "loud": False,
        "tune": ["a", "b", "c"],
        "weight": None,
        "kind": "two",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: run|required: RUN"),
        (["x", "--seed", "1.5"], "--seed: expected a whole number, got '1.5'"),
        (["x", "--weight", "heavy"], "--weight: expected a number, got 'heavy'"),
        (["x", "--kind", "tow"], "--kind: no choice 'tow'; did you mean 'two'"),
        (["x", "--loud=yes"], "ignored explicit argument 'yes'"),
    ],
)
def test_wrong_flags(arguments, message):
    with pytest.raises(InputError, match=message):
        flags(arguments)


def test_help_comes_from_the_docstring():
    positional, named, open_ended = parameters(example)
    assert [field.name for field in positional] == ["run", "files"]
    assert positional[0].metadata["help"] == "the folder, which goes on here"
    assert named[0].metadata["help"] == "100 % chance"
    assert open_ended
    assert summary(example) == "Does something."
    text = build_parser("tasks", example, [], []).format_help()
    assert "100 % chance (default: 1)" in text
    assert "--no-loud" in text


def test_subject():
    for arguments in (
        ["t", "--a", "b"],
        ["--a", "b", "t"],
        ["--flag", "t", "--a", "b"],
        ["x", "--a", "t"],
    ):
        assert find_subject(arguments, lambda word: word == "t") == "t"
    assert find_subject(["--epochs", "3", "tt"], lambda word: word == "t") == "tt"
    assert find_subject(["--flag", "tt"], lambda word: word == "t") == "tt"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InputError("a.txt:3: wrong\nin two lines"), 2, "a.txt:3: wrong in two lines\n"),
        (Interrupted("saved at step 3", 143), 143, "saved at step 3\n"),
        (OSError(36, "File name too long", "xxx"), 2, "xxx: File name too long\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (SystemExit(143), 143, ""),
        (SystemExit("no"), 1, ""),
    ],
)
def test_exit_statuses(error, status, message, monkeypatch, capsys):
    def fail(command, arguments):
        raise error

    monkeypatch.setattr(cli, "run", fail)
    assert cli.main(["tasks"]) == status
    assert capsys.readouterr() == ("", message)


def test_our_own_failure_shows_itself():
    code = (
        "from ostinato import cli; cli.run = lambda *_: 1 / 0; import sys; "
        "sys.exit(cli.main(['tasks']))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 1
    assert "ZeroDivisionError" in process.stderr


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_a_command(name):
    module = importlib.import_module(f"ostinato.commands.{name}")
    assert callable(getattr(module, name))
    assert callable(module.lines)
    assert isinstance(module, Command)
    assert isinstance(module, StreamingCommand) == (name in ("predict", "generate", "inspect"))
    beginnings = "ostinato " + name, "echo ", "curl ", "OSTINATO_"
    assert all(example.startswith(beginnings) for example in module.EXAMPLES)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_parameter_of_a_command_has_a_help(name):
    function = getattr(importlib.import_module(f"ostinato.commands.{name}"), name)
    positional, flags, _ = parameters(function)
    assert all(field.metadata["help"] for field in [*positional, *flags])
    known = {field.name for field in [*positional, *flags]}
    assert parse_arguments_section(inspect.getdoc(function)).keys() == known


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Does something.", {}),
        ("A.\n\nArgs:\n    a: one\n    b: two: 2\n", {"a": "one", "b": "two: 2"}),
        ("A.\n\nArgs:\n    a: one\n        more: yes\n", {"a": "one more: yes"}),
        ("A.\n\nArgs:\n    a: one\n\nReturns:\n    b: no\n", {"a": "one"}),
    ],
)
def test_arguments_section(text, expected):
    assert parse_arguments_section(text) == expected


@pytest.mark.slow
def test_help_is_quick():
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "ostinato.cli", "--help"], check=True, stdout=subprocess.DEVNULL
    )
    assert time.perf_counter() - began < 0.5


@dataclass
class Wished:
    size: int = option(3, "how large", minimum=1, maximum=9)
    name: str | None = option(None, "what it is called")


@dataclass
class Grouped:
    dropout: float = option(0.0, "a group of its own", group="data")
    unheard: int = option(0, "in no table")
    later: int = option(0, "for trained models", when_predicting=True)


def test_flags_of_a_dataclass():
    parser = build_parser("tasks", example, [("wishes", options.fields(Wished).values())], [])
    known = vars(parser.parse_args(["x", "--size", "9", "--name", "none"]))
    assert (known["size"], known["name"]) == (9, "none")
    assert "how large (default: 3)" in parser.format_help()
    with pytest.raises(InputError, match="--size: it must be at most 9; got 10"):
        parser.parse_args(["x", "--size", "10"])


def test_a_flag_that_the_help_hides_works():
    groups = [("wishes", options.fields(Wished).values())]
    parser = build_parser("tasks", example, groups, [], visible=frozenset(["name"]))
    text = parser.format_help()
    assert "--name" in text
    assert "--size" not in text
    assert "--help-all" in text
    assert parser.parse_args(["x", "--size", "4"]).size == 4
    assert "--size" in parser.flags()


def help_of(task, flag, capsys):
    assert cli.main(["train", task, flag]) == 0
    return capsys.readouterr().out


def listed_flags(text, known):
    """The flags of `known` that have a line in a help text, each with the title of its group."""
    title, found = "", {}
    for line in text.split("\n"):
        if line.endswith(":") and not line.startswith(" "):
            title = line[:-1]
        flag = line.strip().split(" ")[0].rstrip(",")
        if line.startswith("  --") and flag in known:
            found[flag] = title
    return found


@pytest.mark.parametrize("task", TASKS)
def test_help_shows_the_common_options_and_help_all_every_one(task, capsys):
    fields = [*options.fields(TASKS[task].options).values(), *options.fields(Options).values()]
    flags = {field.flag for field in fields}
    short = listed_flags(help_of(task, "--help", capsys), flags)
    full = listed_flags(help_of(task, "--help-all", capsys), flags)
    assert full.keys() == flags
    assert set(full.values()) <= GROUPS.keys()
    assert short == {field.flag: full[field.flag] for field in fields if field.name in COMMON}
    assert 8 <= len(short) <= 14


def test_a_task_explains_what_it_reads(capsys):
    assert f"The translation task reads {TASKS['translation'].reads}." in help_of(
        "translation", "--help", capsys
    )


def test_options_are_in_the_right_group(capsys):
    flags = {field.flag for field in options.fields(TASKS["translation"].options).values()}
    flags |= {field.flag for field in options.fields(Options).values()}
    full = listed_flags(help_of("translation", "--help-all", capsys), flags)
    assert full["--unit"] == "data"
    assert full["--hidden-size"] == "model"
    assert full["--dropout"] == full["--weight-decay"] == "regularisation"
    assert full["--epochs"] == full["--dev-metric"] == "training"
    assert full["--beam"] == full["--length-penalty"] == "decoding"


def test_group_of_an_option():
    fields = options.fields(Grouped)
    assert group_of(fields["dropout"], "model") == "data"
    assert group_of(fields["unheard"], "model") == "model"
    assert group_of(fields["later"], "model") == "decoding"
    assert [title for title, _ in group_options(fields.values())] == ["data", "model", "decoding"]


def test_the_table_of_groups_names_existing_options():
    known = set(options.fields(Options)).union(
        *(options.fields(task.options) for task in TASKS.values())
    )
    assert known >= GROUP_OF.keys()
    assert known >= COMMON
