"""The metric counts of the alarms in a series, and the report's summary of all alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ostinato.metrics import METRICS, nab
from ostinato.metrics.f1 import count_labels
from ostinato.metrics.nab import find_windows
from ostinato.tasks.anomaly.reader import LabelledSeries
from ostinato.tasks.prediction import Counts

METRIC_NAMES = ("nab", "f1", "precision", "recall", "mae")
ALARM_METRICS = METRIC_NAMES[:4]
PROBATION_SHARE, MOST_PROBATION = 0.15, 750  # NAB's probation: steps not scored
DAY = 86_400


def probation_of(length: int) -> int:
    """Number of steps at the beginning of a series that NAB does not score.

    probation_of(1000) -> 150
    """
    return int(min(PROBATION_SHARE * length, MOST_PROBATION))


def count_alarms(record: LabelledSeries, alarms: np.ndarray) -> dict[str, Counts]:
    """The counts of NAB's score, F1, precision and recall for one series after its probation.

    F1 counts single steps and is never point-adjusted. Precision and recall count events: an
    alarm inside a window is a true positive, and a window with an alarm is detected.
    """
    labels, start = record.labels, probation_of(len(record.values))
    windows = [pair for pair in find_windows(labels.tolist()) if pair[1] >= start]
    found, false = set(), []
    for step in np.flatnonzero(alarms[start:]) + start:
        inside = [pair for pair in windows if pair[0] <= step <= pair[1]]
        found.update(inside)
        if not inside:
            false.append(("false", int(step)))
    events = [*found, *false]
    return {
        "nab": nab.count(alarms.tolist(), labels.tolist(), start),
        "f1": count_labels(alarms[start:].astype(int), labels[start:].astype(int), [1]),
        "precision": METRICS["precision"].count(events, windows),
        "recall": METRICS["recall"].count(events, windows),
    }


def summarise_alarms(
    records: Sequence[LabelledSeries], alarms: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Counts windows and alarms over all series.

    {"windows": 116, "found": 80, "false_alarms": 31, "false_alarms_a_day": 0.1, "delay": 0.2}

    The delay is the time from the start of a window to its first alarm, as a share of the window,
    averaged over the windows found. False alarms a day: only where the time stamps are dates.
    """
    windows_in_all, found, false, delays, days = 0, 0, 0, [], 0.0
    for record, alarm in zip(records, alarms, strict=True):
        start = probation_of(len(record.values))
        windows = [pair for pair in find_windows(record.labels.tolist()) if pair[1] >= start]
        windows_in_all += len(windows)
        steps = np.flatnonzero(alarm[start:]) + start
        for first, last in windows:
            inside = steps[(steps >= first) & (steps <= last)]
            if len(inside):
                found += 1
                delays.append((int(inside[0]) - first) / (last - first + 1))
        false += sum(not any(a <= step <= b for a, b in windows) for step in steps)
        days += span_in_days(record, start)
    result: dict[str, float] = {
        "windows": windows_in_all,
        "found": found,
        "false_alarms": int(false),
    }
    if days:
        result["false_alarms_a_day"] = round(false / days, 4)
    if delays:
        result["delay"] = round(float(np.mean(delays)), 4)
    return {"alarms": result}


def span_in_days(record: LabelledSeries, start: int) -> float:
    """The time from a step to the end of a series in days; 0 if its time stamps are not dates."""
    series = record.series
    if not series.axis.form.dated or len(series) <= start + 1:
        return 0.0
    times = series.times if series.times is not None else series.axis.times(0, len(series))
    return float(times[-1] - times[start]) / DAY
