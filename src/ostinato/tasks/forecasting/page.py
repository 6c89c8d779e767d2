"""A self-contained HTML page with a small SVG plot of each of many series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from ostinato.tasks.forecasting.forecast import Forecast, shorten, write
from ostinato.tasks.forecasting.windows import Window

WIDTH, HEIGHT = 300, 110  # pixels of a plot
SHOWN_BEFORE = 4  # horizons of history

STYLE = """
body { font: 14px system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); gap: 1.2em }
figure { margin: 0 } figcaption { overflow-wrap: anywhere } small { color: #666 }
svg { width: 100%; height: auto; background: #fafafa }
.history, .truth { fill: none; stroke: #222; stroke-width: 1 } .truth { stroke-dasharray: 3 2 }
.forecast { fill: none; stroke: #1f4e79; stroke-width: 1.8 }
.band { fill: #4a90c2; opacity: .22 }
"""


def write_page(records: Sequence[Window], forecasts: Sequence[Forecast], title: str) -> bytes:
    """The page of all series, as UTF-8."""
    figures = "\n".join(
        draw_figure(record, forecast) for record, forecast in zip(records, forecasts, strict=True)
    )
    levels = ", ".join(f"{each:g} %" for each in forecasts[0].coverages) if forecasts else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style></head><body>\n"
        f"<h1>{escape(title)}</h1>\n<p>{len(forecasts):,} series: history, the forecast with its "
        f"{levels} intervals, and the true values, dashed, where they are known.</p>\n"
        f"<main>\n{figures}\n</main></body></html>\n"
    ).encode()


def draw_figure(record: Window, forecast: Forecast) -> str:
    """A <figure> of one series: its plot, its name, and the values of the last step forecast."""
    horizon = len(forecast.quantiles)
    name = escape(forecast.name)
    if not horizon:
        return f"<figure><figcaption>{name}<br><small>no values</small></figcaption></figure>"
    shown = min(record.cut, SHOWN_BEFORE * horizon + 8)
    history, truth = record.history[record.cut - shown :], record.future
    bands = [forecast.interval(each) for each in sorted(forecast.coverages, reverse=True)]
    everything = np.concatenate(
        [history, truth, forecast.point, *(side for band in bands for side in band)]
    )
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))
    span = (high - low) or 1.0

    def locate(start: int, values: np.ndarray) -> list[str]:
        x = (start + np.arange(len(values))) / max(1, shown + horizon - 1) * WIDTH
        y = HEIGHT - 4 - (values - low) / span * (HEIGHT - 8)
        return [f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if b == b]

    outlines = [locate(shown, upper) + locate(shown, lower)[::-1] for lower, upper in bands]
    areas = "".join(f'<polygon class="band" points="{" ".join(each)}"/>' for each in outlines)
    lines = "".join(
        draw_line(kind, locate(start, values))
        for kind, start, values in (
            ("history", 0, history),
            ("truth", shown, truth),
            ("forecast", shown, forecast.point),
        )
    )
    last = write(shorten(float(forecast.point[-1])))
    ends = f"{forecast.stamps[0]} to {forecast.stamps[-1]}: {last}"
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}">'
        f"{areas}{lines}</svg><figcaption>{name}<br><small>{escape(ends)}</small></figcaption></figure>"
    )


def draw_line(kind: str, points: Iterable[str]) -> str:
    """A line through points such as "1.0,2.0"."""
    return f'<polyline class="{kind}" points="{" ".join(points)}"/>'
