"""The command line itself: flags made from functions and dataclasses, exit statuses, quick help."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Literal

import pytest

from ostinato import cli, options
from ostinato.errors import InputError, Interrupted
from ostinato.options import option
from ostinato.signature import parameters, summary


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

    run     the folder,
            which goes on here
    files   what to read
    seed    100 % chance
    loud    says more
    """


def flags(arguments):
    return vars(cli.build_parser("tasks", example, [], []).parse_args(arguments))


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
    text = cli.build_parser("tasks", example, [], []).format_help()
    assert "100 % chance (default: 1)" in text
    assert "--no-loud" in text


def test_subject():
    for arguments in (
        ["t", "--a", "b"],
        ["--a", "b", "t"],
        ["--flag", "t", "--a", "b"],
        ["x", "--a", "t"],
    ):
        assert cli.subject(arguments, lambda word: word == "t") == "t"
    assert cli.subject(["--epochs", "3", "tt"], lambda word: word == "t") == "tt"
    assert cli.subject(["--flag", "tt"], lambda word: word == "t") == "tt"


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
    code = "from ostinato import cli; cli.run = lambda *_: 1 / 0; import sys; sys.exit(cli.main(['tasks']))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 1
    assert "ZeroDivisionError" in process.stderr


def test_every_command_has_a_module_that_can_print():
    import importlib

    for command in cli.COMMANDS:
        module = importlib.import_module(f"ostinato.commands.{command}")
        assert callable(getattr(module, command))
        assert callable(module.lines)


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


def test_flags_of_a_dataclass():
    parser = cli.build_parser("tasks", example, [("wishes", options.fields(Wished).values())], [])
    known = vars(parser.parse_args(["x", "--size", "9", "--name", "none"]))
    assert (known["size"], known["name"]) == (9, "none")
    assert "how large (default: 3)" in parser.format_help()
    with pytest.raises(InputError, match="--size: it must be at most 9; got 10"):
        parser.parse_args(["x", "--size", "10"])
