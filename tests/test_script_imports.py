"""Benchmarks and examples import names of ours that exist, inside functions, too."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted([*ROOT.glob("benchmarks/*.py"), *ROOT.glob("examples/*.py")])


def find_imports(code: str) -> list[tuple[str, str]]:
    """find_imports("from ostinato.cells import LSTM") -> [("ostinato.cells", "LSTM")]"""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and not node.level:
            found += [(node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
    return [(module, name) for module, name in found if module.split(".")[0] == "ostinato"]


def exists(module: str, name: str) -> bool:
    """Whether the module can be imported and has the name, as an attribute or a submodule."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return not name or hasattr(found, name) or exists(f"{module}.{name}", "")


def test_what_is_missing_is_found():
    assert find_imports("import os\ndef f():\n    from ostinato.cells import LSTN") == [
        ("ostinato.cells", "LSTN")
    ]
    assert exists("ostinato.cells", "LSTM") and exists("ostinato.cells", "lstm")
    assert not exists("ostinato.cells", "LSTN") and not exists("ostinato.cel", "LSTM")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_imported_names_exist(script):
    missing = [each for each in find_imports(script.read_text()) if not exists(*each)]
    assert not missing
