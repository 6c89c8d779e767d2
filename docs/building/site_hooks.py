"""What MkDocs does besides: runs the lecture's cells, draws equations, links to the source.

Chapters are independent of one another and run in processes of their own, as many as there are
cores, up to CHAPTERS_AT_ONCE. With the environment variable CELLS=none they do not run, to look at
text and links only.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

# MkDocs has this folder in sys.path while it loads a hook
from cells import CellError, Output, find_cells, run_timed
from equations import EquationError, draw_equations, write_font

CHAPTERS_AT_ONCE = 2
LOG = logging.getLogger("mkdocs.plugins.lecture")
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# a link from a page to a file outside docs/, such as [this](../examples/tagging.py)
OUTSIDE = re.compile(
    r"\[([^\]]*)\]\((?:\.\./)+((?:src|examples|benchmarks|tests)/[^)#]*|[A-Z]+\.?\w*)\)"
)
running: dict[str, Future[tuple[list[Output], float]]] = {}
pictures: dict[str, bytes] = {}
pools: list[ProcessPoolExecutor] = []


def on_files(files: Any, *, config: Any) -> Any:
    """Starts the chapters' cells, in the order of the chapters."""
    if str(HERE) not in sys.path:
        sys.path.append(str(HERE))  # the processes inherit it, and find `cells`
    pictures.clear()
    running.clear()
    chapters = [file for file in files.documentation_pages() if is_chapter(file.src_uri)]
    if os.environ.get("CELLS") == "none":
        LOG.warning("CELLS=none: no cell of the lecture is run")  # so that --strict refuses it
        return files
    workers = min(CHAPTERS_AT_ONCE, os.cpu_count() or 1)
    pools.append(ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")))
    for file in chapters:
        running[file.src_uri] = pools[-1].submit(run_timed, file.abs_src_path)
    return files


def is_chapter(uri: str) -> bool:
    """Whether a page's code is run: is_chapter("lecture/08-lstm.md") -> True"""
    return uri.startswith("lecture/")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Adds what the cells show below them, and names files outside the site by their path."""
    markdown = OUTSIDE.sub(name_file, markdown)
    if not is_chapter(page.file.src_uri):
        return markdown
    if page.file.src_uri not in running:
        return markdown
    try:
        outputs, seconds = running[page.file.src_uri].result()
    except CellError as error:
        raise PluginError(f"docs/{page.file.src_uri}: a cell failed: {error}") from error
    LOG.info("%s: %d cells in %.1f s", page.file.src_uri, len(outputs), seconds)
    parts, done = [], 0
    for number, (cell, output) in enumerate(
        zip(find_cells(markdown), outputs, strict=True), start=1
    ):
        parts += [markdown[done : cell.end], "\n", show(output, Path(page.file.src_uri), number)]
        done = cell.end
    return "".join([*parts, markdown[done:]])


def name_file(found: re.Match[str]) -> str:
    """[this](../examples/tagging.py) -> this (`examples/tagging.py`): it is not on the site."""
    text, path = found.groups()
    if not (ROOT / path).exists():
        raise PluginError(f"a page links to {path}, which does not exist")
    return f"`{path}`" if path in text else f"{text} (`{path}`)"


def show(output: Output, uri: Path, cell: int) -> str:
    """The Markdown of what a cell shows."""
    shown = f"\n``` {{ .text .output }}\n{output.text}\n```\n" if output.text else ""
    for number, picture in enumerate(output.pictures, start=1):
        name = f"pictures/{uri.stem}-{cell}-{number}.svg"
        pictures[f"{uri.parent}/{name}"] = picture.svg
        title = picture.title.replace('"', "'").replace("\n", " ")
        shown += f'\n<p class="picture"><a href="{name}"><img src="{name}" alt="{title}"></a></p>\n'
    return shown


def on_page_content(html: str, *, page: Any, config: Any, files: Any) -> str:
    """Draws the equations."""
    try:
        return draw_equations(html)
    except EquationError as error:
        raise PluginError(f"docs/{page.file.src_uri}: {error}") from error


def on_post_build(*, config: Any) -> None:
    """Writes the chapters' pictures and the font of the equations."""
    site = Path(config.site_dir)
    for name, svg in pictures.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(svg)
    write_font(site / "assets")
    close_pools()


def on_build_error(*, error: Exception) -> None:
    """Ends the chapters that still run."""
    close_pools()


def close_pools() -> None:
    """Ends the processes; the chapters that still run after an error, too."""
    while pools:
        pool = pools.pop()
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
