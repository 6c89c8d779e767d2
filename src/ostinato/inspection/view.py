"""A view: what one looks at, as numbers, as JSON, as a picture and as a page."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError, nearest
from ostinato.inspection.panels import Sheet, to_plain

SUFFIXES = (".png", ".svg", ".pdf", ".html", ".json")


class View(Sheet):
    """What `ostinato.inspect` returns: a Sheet with what one does with it."""

    def json(self) -> str:
        """The view as one JSON object: view, title, input, answer, notes and data."""
        content = {
            "view": self.name,
            "title": self.title,
            "input": self.text,
            "answer": self.answer,
            "notes": list(self.notes),
            "data": self.data,
        }
        return json.dumps(to_plain(content), ensure_ascii=False, allow_nan=False)

    def page(self) -> str:
        """The view as one HTML file that needs nothing else."""
        from ostinato.inspection.page import build_page

        return build_page([self])

    def draw(self, path: str | Path) -> None:
        """Writes a picture (.png, .svg, .pdf), a page (.html) or the numbers (.json).

        Raises:
            InputError: Another suffix.
        """
        save([self], path)

    def _repr_html_(self) -> str:
        """For notebooks: the page in a frame of its own."""
        page = html.escape(self.page(), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:640px;border:0"></iframe>'


def save(views: Sequence[View], path: str | Path) -> None:
    """Writes one or several views to a file, whose suffix says how.

    Raises:
        InputError: An unknown suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path}: views are written as {', '.join(SUFFIXES)}; name the file so"
            f"{nearest(suffix, SUFFIXES) if suffix else ''}"
        )
    if suffix == ".html":
        from ostinato.inspection.page import build_page

        write_atomically(path, build_page(views).encode())
    elif suffix == ".json":
        write_atomically(path, (to_json(views) + "\n").encode())
    else:
        from ostinato.inspection.drawing import draw_views

        write_atomically(path, lambda file: draw_views(views, file, suffix[1:]))


def to_json(views: Sequence[View]) -> str:
    """One JSON object: that of a single view, or {"views": [...]}."""
    if len(views) == 1:
        return views[0].json()
    return '{"views": [' + ", ".join(view.json() for view in views) + "]}"


def place_side_by_side(views: Sequence[View], names: Sequence[str]) -> View:
    """Views of one kind as one: the panels of each under its name, the data by name."""
    first = views[0]
    return replace(
        first,
        data={name: view.data for name, view in zip(names, views, strict=True)},
        panels=[
            replace(panel, title=f"{name}: {panel.title}")
            for name, view in zip(names, views, strict=True)
            for panel in view.panels
        ],
        text=" | ".join(dict.fromkeys(view.text for view in views)),
        answer=" | ".join(view.answer for view in views),
        notes=[
            f"{name}: {note}"
            for name, view in zip(names, views, strict=True)
            for note in view.notes
        ],
    )
