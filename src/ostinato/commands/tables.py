"""Results as people and programs read them: tables on the terminal, JSON for scripts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any


def as_json(value: Any) -> str:
    """One line of JSON; what is not a finite number becomes null, as JSON has no other word for it."""
    return json.dumps(finite(value), ensure_ascii=False, allow_nan=False)


def finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    return value


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> Iterator[str]:
    """The lines of a plain table, numbers to the right: for a terminal, a file and a mail alike."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    drawn = Table(
        *columns, title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for column, cells in zip(drawn.columns, zip(*rows, strict=True), strict=True) if rows else ():
        column.justify = (
            "right" if all(isinstance(cell, (int, float)) for cell in cells) else "left"
        )
    for row in rows:
        drawn.add_row(*(number(cell) for cell in row))
    console = Console(width=200, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(drawn)
    yield from (line.rstrip() for line in capture.get().split("\n") if line.strip())


def number(value: Any) -> str:
    """number(0.123456) -> "0.1235"; number(31.417) -> "31.42"; text stays as it is."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def scores(result: dict[str, Any]) -> Iterator[str]:
    """An evaluation as a table: each metric with its interval and the baseline's score beside it."""
    baseline = result.get("baseline") or {"name": "baseline", "metrics": {}}
    rows = []
    for metric, value in result["metrics"].items():
        low, high = result["intervals"].get(metric, (math.nan, math.nan))
        beside = baseline["metrics"].get(metric)
        interval = f"{number(float(low))} .. {number(float(high))}"
        rows.append(
            [metric, float(value), interval, "" if beside is None else number(float(beside))]
        )
    yield from table(["metric", "score", "95 % interval", baseline["name"]], rows)
