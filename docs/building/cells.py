"""Runs the code cells of a chapter of the lecture, in order, and keeps what each shows.

A cell is a block that begins with ```python. Its text output, the value of a last expression and
every matplotlib figure that it leaves open are shown below it. A view of `ostinato.inspect` as the
last expression is drawn.

    python docs/building/cells.py docs/lecture/08-lstm.md      # prints what the cells show
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FENCE = re.compile(r"^```python *\n(.*?)^``` *$", re.MULTILINE | re.DOTALL)


class Cell(NamedTuple):
    """A block of code in a chapter: its text, the line at which it begins, where it ends."""

    code: str
    line: int
    end: int  # the position in the chapter's text after the closing fence


class Picture(NamedTuple):
    """A picture that a cell made, as SVG, and what to say of it to those who do not see it."""

    svg: bytes
    title: str


class Output(NamedTuple):
    """What a cell shows: text, and pictures."""

    text: str
    pictures: tuple[Picture, ...]


class CellError(Exception):
    """A cell of a chapter failed."""


def find_cells(text: str) -> list[Cell]:
    """The cells of a chapter's text."""
    return [
        Cell(found[1], text.count("\n", 0, found.start(1)) + 1, found.end())
        for found in FENCE.finditer(text)
    ]


def run_chapter(path: str | Path) -> list[Output]:
    """Runs all cells of a chapter in one namespace and a temporary folder.

    Raises:
        CellError: A cell failed; the message has the file and the line.
    """
    return list(run_cells(path))


def run_cells(path: str | Path) -> Iterator[Output]:
    """As run_chapter, cell by cell."""
    import matplotlib

    matplotlib.use("Agg")
    import torch

    path = Path(path)
    cells = find_cells(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "lecture"}
    torch.manual_seed(0)
    torch.set_num_threads(1)  # two chapters run at once, and numbers do not depend on the cores
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), figure_style():
        for cell in cells:
            yield run_cell(cell, names, path)


def figure_style() -> Any:
    """How the lecture's figures look: small, with text that stays text."""
    import matplotlib

    return matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "ostinato",
            "figure.figsize": (6.4, 2.8),
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 10,
            "axes.labelsize": 9,
            "font.size": 9,
            "font.family": "DejaVu Sans",
            # Okabe and Ito's colours, which colour-blind people tell apart
            "axes.prop_cycle": matplotlib.cycler(
                color=["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"]
            ),
        }
    )


def run_cell(cell: Cell, names: dict[str, Any], path: Path) -> Output:
    """Runs one cell in a namespace."""
    name = f"{path.parent.name}/{path.name}"
    said = io.StringIO()
    try:
        tree = ast.parse(cell.code, name)
        ast.increment_lineno(tree, cell.line - 1)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(tree, name, "exec"), names)
            value = None
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), name, "eval"), names)
    except Exception as error:
        raise CellError(f"{name}:{find_line(error, name, cell.line)}: {error!r}") from error
    pictures = close_figures()
    if hasattr(value, "draw") and hasattr(value, "panels"):
        pictures = (*pictures, draw_view(value))
    elif value is not None and not pictures:
        print(value, file=said)
    return Output(said.getvalue().rstrip(), pictures)


def find_line(error: BaseException, name: str, otherwise: int) -> int:
    """The line of the chapter at which an error was raised."""
    if isinstance(error, SyntaxError) and error.lineno:
        return otherwise + error.lineno - 1
    line, trace = otherwise, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == name:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def close_figures() -> tuple[Picture, ...]:
    """The figures that are open, as pictures, and closes them."""
    from matplotlib import pyplot

    pictures = []
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
        pictures.append(Picture(file.getvalue(), "; ".join(filter(None, titles))))
    pyplot.close("all")
    return tuple(pictures)


def draw_view(view: Any) -> Picture:
    """A view of `ostinato.inspect` as a picture."""
    import matplotlib

    with tempfile.TemporaryDirectory() as folder, matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["svg.fonttype"] = "none"
        file = Path(folder) / "view.svg"
        view.draw(file)
        return Picture(file.read_bytes(), f"{view.title}: {view.text}" if view.text else view.title)


def run_timed(path: str | Path) -> tuple[list[Output], float]:
    """As run_chapter, with the seconds that it took."""
    began = time.perf_counter()
    return run_chapter(path), time.perf_counter() - began


def main() -> None:
    """Prints what the cells of the chapters named show; with PICTURES=FOLDER writes pictures."""
    for path in sys.argv[1:]:
        began, text = time.perf_counter(), Path(path).read_text(encoding="utf-8")
        try:
            for cell, output in zip(find_cells(text), run_cells(path), strict=False):
                print(f"--- {path}:{cell.line}\n{output.text}")
                for number, picture in enumerate(output.pictures, start=1):
                    print(f"[picture: {picture.title}]")
                    if folder := os.environ.get("PICTURES"):
                        name = f"{Path(path).stem}-{cell.line}-{number}.svg"
                        Path(folder, name).write_bytes(picture.svg)
        except CellError as error:
            sys.exit(f"{error}")
        print(f"--- {path}: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
