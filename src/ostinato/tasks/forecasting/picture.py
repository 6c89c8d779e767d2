"""Plots of forecasts with history, intervals and baselines, and of the error of each step
ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.statistical import forecast_points
from ostinato.tasks.forecasting.windows import Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, TRUTH = "#1f4e79", "#222222"
BANDS = ("#8fb9de", "#c3d9ee", "#dfeaf6", "#eef4fa")  # from the narrowest interval on


def draw_forecasts(
    records: Sequence[Window], forecasts: Sequence[Forecast], season: int
) -> Callable[[BinaryIO], object]:
    """A function that draws one panel per series: history, forecast with intervals, true values,
    and two simple methods.
    """
    from matplotlib.figure import Figure

    columns = 1 if len(records) < 2 else 2 if len(records) < 5 else 3
    rows = -(-len(records) // columns)
    figure = Figure(figsize=(max(8, 5.2 * columns), 1 + 2.9 * rows), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    for panel, record, forecast in zip(panels, records, forecasts, strict=False):
        draw_panel(panel, record, forecast, season)
    for panel in panels[len(records) :]:
        panel.axis("off")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9
    )
    return lambda file: figure.savefig(file, format="png", dpi=110)


def draw_panel(panel: Axes, record: Window, forecast: Forecast, season: int) -> None:
    """Draws one series into one panel."""
    horizon = len(forecast.quantiles)
    shown = min(record.cut, max(4 * horizon, 3 * season, 30))
    start = record.cut - shown
    axis = record.series.axis
    times = axis.times(start, shown + horizon)
    x = times.astype("datetime64[s]") if axis.form.dated else times
    ahead = x[shown:]
    panel.plot(x[:shown], record.history[start:], color=TRUTH, linewidth=1.1, label="history")
    panel.axvline(x[shown - 1], color="0.8", linewidth=0.8)
    coverages = sorted(forecast.coverages)
    for place, coverage in reversed(list(enumerate(coverages))):
        low, high = forecast.interval(coverage)
        color = BANDS[min(place, len(BANDS) - 1)]
        label = f"{coverage:g} % interval"
        panel.fill_between(ahead, low, high, color=color, linewidth=0, label=label)
    if horizon:
        for name, style in (("seasonal-naive", ":"), ("theta", "--")):
            points = forecast_points(name, [record._replace(horizon=horizon)], season)[0]
            label = "last season" if name != "theta" and season > 1 else "last value"
            label = "Theta" if name == "theta" else label
            panel.plot(ahead, points, color="0.55", linewidth=1, linestyle=style, label=label)
    if len(truth := record.future):  # joined to the history
        panel.plot(
            x[shown - 1 : shown + len(truth)],
            [*record.history[-1:], *truth],
            color=TRUTH,
            linewidth=1.1,
            marker=".",
            markersize=4,
            label="true values",
        )
    panel.plot(ahead, forecast.point, color=INK, linewidth=1.8, label="forecast")
    panel.set_title(forecast.name, fontsize=10, loc="left")
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", alpha=0.25)
    panel.margins(x=0.01)
    panel.tick_params(labelsize=8)
    if axis.form.dated:
        from matplotlib import dates

        locator = dates.AutoDateLocator(minticks=3, maxticks=7)
        panel.xaxis.set_major_locator(locator)
        panel.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))


def draw_errors(by_step: Mapping[str, Sequence[float]]) -> Callable[[BinaryIO], object]:
    """A function that draws the mean absolute error and the coverage of each step ahead."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = range(1, len(by_step["mae"]) + 1)
    left.plot(steps, by_step["mae"], color=INK, linewidth=1.6)
    left.set(xlabel="steps ahead", ylabel="mean absolute error", ylim=(0, None))
    right.plot(steps, by_step["coverage_80"], color=INK, linewidth=1.6)
    right.axhline(0.8, color="0.5", linewidth=1, linestyle="--")
    right.set(xlabel="steps ahead", ylabel="inside the 80 % interval", ylim=(0, 1.02))
    for panel in (left, right):
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.25)
    return lambda file: figure.savefig(file, format="png", dpi=110)
