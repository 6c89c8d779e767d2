"""Views as one HTML file: it needs no network, opens from disk, and holds all of its numbers."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import numpy as np

from ostinato.inspection.panels import Heatmap, Panel, Sheet, to_plain

LARGEST = 1_000_000  # bytes of a page
DIGITS = 10  # significant ones of every number but those of heat maps, which are float32
PARTS = ("page.css", "page.js")


def build_page(views: Sequence[Sheet]) -> str:
    """The page of one or several views.

    Heat maps hold float32 values where they fit into the page's million bytes; else 8 bits a value,
    and of the largest ones the units that vary the most. The page says which.
    """
    css, script = (read(part) for part in PARTS)
    content = [describe(view, {}) for view in views]
    room = LARGEST - len(encode_json(content).encode()) - len(css) - len(script) - 6000
    data = encode_json(describe_views(views, room))
    title = html.escape(views[0].title if len(views) == 1 else "Inside the model")
    return (
        read("page.html")
        .replace("TITLE", title)
        .replace("STYLE", css)
        .replace("DATA", data)
        .replace("SCRIPT", script)
    )


def read(name: str) -> str:
    """A file of this folder."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def encode_json(content: Any) -> str:
    """JSON that may stand inside a <script> element, whatever the texts in it."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def choose_packing(heatmaps: Sequence[Heatmap], room: int) -> dict[int, tuple[str, int]]:
    """{id of a heat map: ("f4" or "u1", rows kept)}, so that all fit into so many bytes."""
    sizes = {id(panel): panel.values.size for panel in heatmaps}
    total = sum(sizes.values())
    room = max(room, 40_000)
    if total * 4 * 4 / 3 <= room:
        return {id(panel): ("f4", len(panel.values)) for panel in heatmaps}
    share = min(1.0, room / (total * 4 / 3))
    return {id(panel): ("u1", max(1, int(len(panel.values) * share))) for panel in heatmaps}


def describe_views(views: Sequence[Sheet], room: int) -> list[dict[str, Any]]:
    """Views as the page's script reads them, their heat maps in so many bytes of text."""
    heatmaps = [panel for view in views for panel in view.panels if isinstance(panel, Heatmap)]
    packing = choose_packing(heatmaps, room)
    return [describe(view, packing) for view in views]


def describe(view: Sheet, packing: dict[int, tuple[str, int]]) -> dict[str, Any]:
    """A view as the page's script reads it; without packing its heat maps are left empty."""
    return {
        "name": view.name,
        "title": view.title,
        "text": view.text[:2000],
        "answer": view.answer[:2000],
        "notes": list(view.notes),
        "panels": [describe_panel(panel, packing) for panel in view.panels],
    }


def describe_panel(panel: Panel, packing: dict[int, tuple[str, int]]) -> dict[str, Any]:
    """A panel as the page's script reads it."""
    if not isinstance(panel, Heatmap):
        return {"kind": panel.kind, **shorten(to_plain(asdict(panel)))}
    described: dict[str, Any] = {
        "kind": panel.kind,
        "title": panel.title,
        "rows": list(panel.rows),
        "columns": list(panel.columns),
        "row_name": panel.row_name,
        "column_name": panel.column_name,
        "scale": panel.scale,
        "limits": list(panel.limits),
    }
    if id(panel) not in packing:
        return described
    kind, kept = packing[id(panel)]
    values = np.nan_to_num(np.asarray(panel.values, dtype=np.float64))
    if kept < len(values):
        chosen = np.sort(np.argsort(-values.std(axis=1), kind="stable")[:kept])
        values = values[chosen]
        described["rows"] = [panel.rows[row] for row in chosen]
        described["left_out"] = len(panel.rows) - kept
    low, high = panel.limits
    if kind == "u1":
        packed = np.rint((values - low) / (high - low) * 255).clip(0, 255).astype(np.uint8)
    else:
        packed = values.astype("<f4")
    return {
        **described,
        "packing": kind,
        "values": base64.b64encode(packed.tobytes()).decode("ascii"),
    }


def shorten(value: Any) -> Any:
    """Numbers with as many digits as a page shows."""
    if isinstance(value, dict):
        return {key: shorten(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shorten(each) for each in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
