"""A view: what one looks at, as numbers, as JSON, as a picture and as a page."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError, nearest
from ostinato.inspection.panels import Lines, Panel, Sheet, Table, to_plain

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


def join_panels(views: Sequence[View], names: Sequence[str]) -> list[Panel]:
    """The panels of several views; lines and tables that all of them have come together."""
    by_title: list[dict[str, Panel]] = [
        {panel.title: panel for panel in view.panels} for view in views
    ]
    shared: dict[str, Panel] = {}
    for title in by_title[0]:
        same = [each[title] for each in by_title if title in each]
        lines = [panel for panel in same if isinstance(panel, Lines)]
        tables = [panel for panel in same if isinstance(panel, Table)]
        joined: Panel | None = None
        if len(lines) == len(views):
            joined = join_lines(lines, names)
        elif len(tables) == len(views):
            joined = join_tables(tables, names)
        if joined is not None:
            shared[title] = joined
    return list(shared.values()) + [
        replace(panel, title=f"{name}: {panel.title}")
        for name, view in zip(names, views, strict=True)
        for panel in view.panels
        if panel.title not in shared
    ]


def join_tables(panels: Sequence[Table], names: Sequence[str]) -> Table | None:
    """Tables of several models as one, where their columns are the same."""
    first = panels[0]
    if any(list(panel.columns) != list(first.columns) for panel in panels):
        return None
    rows = [[name, *row] for panel, name in zip(panels, names, strict=True) for row in panel.rows]
    return Table(first.title, ["of", *first.columns], rows)


def join_lines(panels: Sequence[Lines], names: Sequence[str]) -> Lines | None:
    """Lines of several models as one panel, where their positions are the same or are numbers."""
    columns = list(dict.fromkeys(column for panel in panels for column in panel.columns))
    if all(column.isdigit() for column in columns):
        columns.sort(key=int)
    elif any(list(panel.columns) != list(panels[0].columns) for panel in panels):
        return None
    elif len(columns) < len(panels[0].columns):  # the same token twice: keep both
        columns = []
    series: dict[str, Sequence[float | None]] = {}
    for panel, name in zip(panels, names, strict=True):
        for line, values in panel.series.items():
            at = dict(zip(panel.columns, values, strict=True))
            series[f"{name}: {line}"] = [at.get(each) for each in columns] if columns else values
    return replace(panels[0], columns=columns or panels[0].columns, series=series)


def place_side_by_side(views: Sequence[View], names: Sequence[str]) -> View:
    """Views of one kind as one: the panels of each under its name, the data by name."""
    first = views[0]
    return replace(
        first,
        data={name: view.data for name, view in zip(names, views, strict=True)},
        panels=join_panels(views, names),
        text=" | ".join(dict.fromkeys(view.text for view in views)),
        answer=" | ".join(view.answer for view in views if view.answer),
        notes=[
            f"{name}: {note}"
            for name, view in zip(names, views, strict=True)
            for note in view.notes
        ],
    )
