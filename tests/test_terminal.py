"""Nothing that comes from data may command the terminal."""

import io
import sys

import pytest

from ostinato.cli import print_pieces
from ostinato.commands.run.progress import say
from ostinato.commands.tables import table
from ostinato.errors import LONGEST_MESSAGE
from ostinato.terminal import escape_controls, format_message


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain, é 漢 👍🏽", "plain, é 漢 👍🏽"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\tb\nc", "a\tb\nc"),
        ("a\rb\x9b2J\x7f", "a\\rb\\x9b2J\\x7f"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
        ("two\u2028lines\u2029", "two\\u2028lines\\u2029"),
        ("bytes \udcff", "bytes \\udcff"),  # of a file name that is not UTF-8
    ],
)
def test_controls_are_escaped(text, shown):
    assert escape_controls(text) == shown


def test_a_message_is_one_line_of_bounded_length():
    assert format_message(ValueError("a\nb\x1b")) == "a b\\x1b"
    message = format_message("train.tsv:3: " + "x" * 1_000_000 + "; remove it")
    assert len(message) <= LONGEST_MESSAGE + 3
    assert message.startswith("train.tsv:3: xxx") and message.endswith("x; remove it")


def test_notices_and_tables(capsys):
    say("the label '\x1b]0;title\x07'")
    assert capsys.readouterr().err == "the label '\\x1b]0;title\\x07'\n"
    lines = "\n".join(table(["label", "count"], [["\x1b[2J[bold]x", 3]]))
    assert "\\x1b[2J[bold]x" in lines and "\x1b" not in lines


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream, shown", [(Terminal, "\\x1b[31mred\n"), (io.StringIO, None)])
def test_results_are_escaped_on_a_terminal_and_exact_elsewhere(monkeypatch, stream, shown):
    monkeypatch.setattr(sys, "stdout", stream())
    print_pieces(["\x1b[31m", "red\n"])
    assert sys.stdout.getvalue() == (shown or "\x1b[31mred\n")


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.csv", "\x1b[31mtext,y\nq,w\n"),
        ("a.toml", 'task = "\x1b[31m"'),
        ("a\x1b[31m.csv", "no,columns\n1,2\n"),
    ],
)
def test_errors_on_the_command_line(ostinato, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    arguments = (
        ["--recipe", tmp_path / name] if name.endswith("toml") else ["--train", tmp_path / name]
    )
    outcome = ostinato("train", "classification", *arguments, "--out", tmp_path / "run")
    assert outcome.status == 2 and len(outcome.err.splitlines()) == 1
    assert "\x1b" not in outcome.err
