"""No function has more than 60 lines and no class more than 250, docstrings included."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1] / "src" / "ostinato"
LONGEST = {ast.FunctionDef: 60, ast.AsyncFunctionDef: 60, ast.ClassDef: 250}
# still too long: this list only gets shorter
TOO_LONG: set[str] = set()


def measure(code: str) -> dict[str, tuple[int, int]]:
    """Of each function and class by its qualified name: its lines, and how many it may have."""
    found = {}

    def visit(node: ast.AST, inside: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = inside
            if isinstance(child, tuple(LONGEST)):
                name = f"{inside}.{child.name}".removeprefix(".")
                first = min([child.lineno, *(each.lineno for each in child.decorator_list)])
                found[name] = child.end_lineno - first + 1, LONGEST[type(child)]
            visit(child, name)

    visit(ast.parse(code), "")
    return found


def test_lines_are_counted():
    code = "class A:\n    @property\n    def b(self):\n        return 1\n"
    assert measure(code) == {"A": (4, 250), "A.b": (3, 60)}


def test_functions_and_classes_are_short():
    too_long = {
        f"{path.relative_to(ROOT).as_posix()} {name}"
        for path in sorted(ROOT.rglob("*.py"))
        for name, (lines, most) in measure(path.read_text()).items()
        if lines > most
    }
    assert too_long <= TOO_LONG
