"""Results as text: tables for the terminal, JSON for programs."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from ostinato.terminal import escape_controls, make_encodable


def as_json(value: Any) -> str:
    """One line of JSON. NaN and infinities become null, which is all that JSON has for them."""
    return make_encodable(
        json.dumps(replace_non_finite(value), ensure_ascii=False, allow_nan=False)
    )


def replace_non_finite(value: Any) -> Any:
    """Replaces NaN and infinities by None, also inside lists and mappings."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): replace_non_finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [replace_non_finite(each) for each in value]
    return value


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> Iterator[str]:
    """The lines of a plain-text table, with numbers aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(
        *columns, title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for column, cells in zip(grid.columns, zip(*rows, strict=True), strict=True) if rows else ():
        column.justify = (
            "right" if all(isinstance(cell, (int, float)) for cell in cells) else "left"
        )
    for row in rows:
        grid.add_row(*(Text(number(cell)) for cell in row))  # plain: a label may hold [markup]
    page = io.StringIO()  # not stdout: the console would flush what others have written to it
    Console(width=200, color_system=None, force_terminal=False, file=page).print(grid)
    yield from (line.rstrip() for line in page.getvalue().split("\n") if line.strip())


def number(value: Any) -> str:
    """number(0.123456) -> "0.1235"; number(31.417) -> "31.42"; number(1234.5) -> "1,234"; text gets
    its controls escaped.
    """
    if isinstance(value, float):
        size = abs(value)
        if size < 10:
            return f"{value:.4g}"
        return (
            f"{value:,.2f}" if size < 100 else f"{value:,.1f}" if size < 1000 else f"{value:,.0f}"
        )
    return f"{value:,}" if isinstance(value, int) else escape_controls(str(value))


def scores(result: dict[str, Any]) -> Iterator[str]:
    """An evaluation as a table: score, interval and the baseline's score of each metric."""
    baseline = result.get("baseline") or {"name": "baseline", "metrics": {}}
    rows = []
    for metric, value in result["metrics"].items():
        low, high = result["intervals"].get(metric, (math.nan, math.nan))
        reference = baseline["metrics"].get(metric)
        rows.append(
            [
                metric,
                float(value),
                format_interval(low, high),
                "" if reference is None else number(float(reference)),
            ]
        )
    yield from table(["metric", "score", "95 % interval", baseline["name"]], rows)


def format_interval(low: float, high: float | None) -> str:
    """format_interval(0.1, 0.25) -> "0.1 .. 0.25"; without an upper end, the reason."""
    if high is None:
        return "needs two examples"
    return f"{number(float(low))} .. {number(float(high))}"
