"""A view: what one looks at, as numbers, as JSON, as a picture and as a page."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError, nearest
from ostinato.inspection.panels import Panel

SUFFIXES = (".png", ".svg", ".pdf", ".html", ".json")


@dataclass(frozen=True)
class View:
    """What `ostinato.inspect` returns.

    Attributes:
        name: Of the view, such as "gates".
        title: For people.
        data: The numbers, by name: arrays, lists and dictionaries.
        panels: The pictures.
        text: The input that was looked at.
        answer: The model's answer to it.
        notes: What to know about the numbers, warnings included.
    """

    name: str
    title: str
    data: Mapping[str, Any]
    panels: Sequence[Panel]
    text: str = ""
    answer: str = ""
    notes: Sequence[str] = field(default_factory=tuple)

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


def to_plain(value: Any) -> Any:
    """Arrays as lists and what is not finite as None, all the way down, for JSON."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic):
        return to_plain(value.tolist())
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
