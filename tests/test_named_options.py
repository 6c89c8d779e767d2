"""Messages name an option by `errors.option_name`: as a flag on the command line only.

Found are string constants with a flag such as --hidden-size. Left out are docstrings, the help of
options, the examples of commands in the tasks' definitions, and the card's command.
"""

import ast
import re
from pathlib import Path

import pytest

from ostinato.errors import name_options_as_flags, option_off

ROOT = Path(__file__).parents[1] / "src" / "ostinato"
FOLDERS = ("training", "layers", "tasks", "models", "data")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
COMMANDS = ("tasks/*/__init__.py", "tasks/model_card.py")  # what is typed at a command line


def literal_flags(code: str) -> list[str]:
    """literal_flags('raise InputError("--crf is missing")') -> ["1: --crf is missing"]"""
    tree, skipped = ast.parse(code), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            skipped.add(id(node.value))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("option", "redefine"):
            skipped |= {id(each) for each in ast.walk(node)}
    return [
        f"{node.lineno}: {node.value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in skipped
        and FLAG.search(node.value)
    ]


def test_the_rule():
    assert literal_flags('raise InputError("--crf is missing")') == ["1: --crf is missing"]
    assert literal_flags('f"{name}: give --dev"') == ["1: : give --dev"]
    assert literal_flags('"""With --dev."""\ncrf: bool = option(True, "see --cell")') == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_messages_name_options_by_their_names(folder):
    allowed = {path for pattern in COMMANDS for path in ROOT.glob(pattern)}
    found = [
        f"{path.relative_to(ROOT)}:{each}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path not in allowed
        for each in literal_flags(path.read_text())
    ]
    assert not found, "use errors.option_name: " + "; ".join(found)


def test_an_option_that_is_switched_off():
    assert option_off("crf") == "crf=False"
    with name_options_as_flags():
        assert option_off("crf") == "--no-crf"
