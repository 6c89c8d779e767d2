"""The tree is the architecture: a folder imports only what stands to its right in the table."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ostinato

ROOT = Path(ostinato.__file__).parent
EVERYWHERE = {
    "errors",
    "memory_shortage",
    "notices",
    "options",
    "padding",
    "submodules",
    "__init__",
}
ALLOWED = {
    "cli": {
        "commands",
        "data",
        "exit_status",
        "option_groups",
        "parser",
        "signature",
        "task_flags",
        "terminal",
    },
    "terminal": set(),
    "exit_status": {"terminal"},
    "parser": {"signature", "terminal"},
    "task_flags": {"commands", "option_groups", "tasks", "training"},
    "option_groups": set(),
    "model": {"commands", "tasks", "data", "hub", "stream"},
    "hub": set(),
    "stream": {"tasks", "data"},
    "spacy_component": {"model", "tasks", "data"},
    "signature": set(),
    "nn": {"layers"},
    "sklearn": {"commands", "tasks", "models", "training", "metrics", "data", "cells"},
    "commands": {
        "option_groups",
        "signature",
        "model",
        "stream",
        "training",
        "serving",
        "exporting",
        "inspection",
        "tasks",
        "metrics",
        "decoding",
        "data",
        "kernels",
        "models",
        "layers",
        "cells",
        "baselines",
        "terminal",
        "exit_status",
    },
    "tasks": {
        "models",
        "baselines",
        "data",
        "metrics",
        "layers",
        "cells",
        "decoding",
        "terminal",
    },
    "models": {"layers", "cells", "decoding", "data", "kernels"},
    "baselines": {"layers", "cells", "decoding", "data"},
    "layers": {"cells", "kernels", "data"},
    "cells": {"kernels"},
    "decoding": {"cells"},
    "training": {"cells", "layers", "kernels", "data"},
    "inspection": {"cells", "layers", "data", "kernels", "decoding", "models"},
    "serving": set(),
    "exporting": {"tasks", "models", "layers", "data"},
    "data": set(),
    "metrics": set(),
    "kernels": set(),
}
ONLY_BATCH = {"models", "layers", "baselines"}  # of data/, these see batches and nothing else
FILES = sorted(path for path in ROOT.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The modules of ours that a file imports, wherever in the file: "data.batch"."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = (
            [node.module]
            if isinstance(node, ast.ImportFrom) and node.module and not node.level
            else []
        )
        if isinstance(node, ast.ImportFrom) and node.module == "ostinato":
            names = [
                f"ostinato.{alias.name}" for alias in node.names if not alias.name.startswith("__")
            ]
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.removeprefix("ostinato.") for name in names if name.startswith("ostinato.")}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_to_the_right(path):
    part = part_of(path)
    if part in ("__init__", "__main__"):
        return
    for name in imports(path):
        other = name.split(".")[0]
        assert other == part or other in EVERYWHERE or other in ALLOWED[part], (
            f"{part} imports {name}"
        )
        if part in ONLY_BATCH and other == "data":
            assert name.startswith("data.batching"), f"{part} imports {name}"


def test_every_folder_is_in_the_table():
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders <= ALLOWED.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_is_loaded_can_execute(path):
    text = path.read_text()
    for forbidden in ("import pickle", "allow_pickle=True", "weights_only=False"):
        assert forbidden not in text
    tree = ast.parse(text)
    calls = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"eval", "exec"}


def test_importing_is_quick_because_torch_waits():
    code = (
        "import sys, ostinato; assert 'torch' not in sys.modules; ostinato.InputError; assert "
        "'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_does_not_import_torch():
    code = (
        "import sys; from ostinato.cli import main; assert main(['--help']) == 0; assert 'torch' "
        "not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(path: Path, known: set[str]) -> set[str]:
    """The modules that a file imports, wherever in the file, those for type checking included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ostinato"):
            module = node.module.removeprefix("ostinato").removeprefix(".")
            for alias in node.names:
                if alias.name != "_native":  # the compiled module imports nothing
                    found |= {f"{module}.{alias.name}".removeprefix(".")} & known or {
                        module
                    } & known
    return found


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, the first such circle, or nothing."""
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for other in sorted(graph.get(module, ())):
            if circle := visit(other, [*path, module]):
                return circle
        done.add(module)
        return []

    return next((circle for module in sorted(graph) if (circle := visit(module, []))), [])


def test_a_circle_is_found():
    assert find_circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert find_circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_files_import_each_other_in_a_circle():
    modules = {module_of(path): path for path in FILES}
    graph = {
        module: imported_modules(path, set(modules)) - {module} for module, path in modules.items()
    }
    assert find_circle(graph) == []


def test_contributing_shows_this_table():
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)
    shown = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}
    assert {name: shown.get(name) for name in ALLOWED} == ALLOWED
