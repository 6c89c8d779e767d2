"""Series with their alarms and the windows of true anomalies, above their scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np

from ostinato.metrics.nab import find_windows
from ostinato.tasks.anomaly.alarms import Alarms
from ostinato.tasks.anomaly.reader import LabelledSeries


def draw_alarms(
    records: Sequence[LabelledSeries], predictions: Sequence[Alarms]
) -> Callable[[BinaryIO], object]:
    """A function that draws two panels for each series: its values with alarms, and its scores."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1 + 2.4 * len(records)), layout="constrained")
    panels = np.atleast_1d(
        figure.subplots(2 * len(records), 1, height_ratios=[3, 1] * len(records))
    )
    for row, (record, prediction) in enumerate(zip(records, predictions, strict=True)):
        above, below = panels[2 * row], panels[2 * row + 1]
        x = np.arange(len(record.values))
        for panel in (above, below):
            for first, last in find_windows(record.labels.tolist()):
                panel.axvspan(first, last, color="#f2b134", alpha=0.35, linewidth=0)
            panel.spines[["top", "right"]].set_visible(False)
            panel.margins(x=0)
        above.plot(x, record.values, color="#1f4e79", linewidth=0.7)
        steps = np.flatnonzero(prediction.alarms)
        above.plot(steps, record.values[steps], "v", color="#c0392b", markersize=7)
        above.set_title(
            f"{prediction.name}: alarms, and the windows of anomalies", fontsize=9, loc="left"
        )
        above.set_xticks([])
        below.plot(x, prediction.scores, color="0.4", linewidth=0.7)
        below.set(ylim=(0, 1.05))
        ticks = np.linspace(0, max(0, len(x) - 1), 5).astype(int)
        below.set_xticks(
            ticks, [prediction.stamps[each] for each in ticks] if len(x) else [], fontsize=7
        )
    return lambda file: figure.savefig(file, format="png", dpi=110)
