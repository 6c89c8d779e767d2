"""The baselines of anomaly detection: a Gaussian fitted to a window of past values, and the
size of the last change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ostinato.tasks.anomaly.counts import ALARM_METRICS, count_alarms
from ostinato.tasks.anomaly.features import running_moments
from ostinato.tasks.anomaly.reader import WARM_UP, LabelledSeries
from ostinato.tasks.anomaly.scoring import choose_threshold, find_alarms
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.task import Task

GAUSSIAN_WINDOW = 6400  # steps, NAB's


def score_by_gaussian(values: np.ndarray) -> np.ndarray:
    """1 - the tail probability of each value under a Gaussian of the values before it [T]."""
    mean, deviation = running_moments(values, GAUSSIAN_WINDOW)
    z = np.abs(values - mean) / np.maximum(deviation, 1e-6)
    scores = np.array(
        [1 - 0.5 * math.erfc(each / math.sqrt(2)) if each == each else 0 for each in z]
    )
    scores[:WARM_UP] = 0
    return scores


def score_by_change(values: np.ndarray) -> np.ndarray:
    """The size of each change relative to the changes before it [T], from 0 to 1."""
    changes = np.abs(np.diff(values, prepend=values[:1]))
    mean, deviation = running_moments(changes, GAUSSIAN_WINDOW)
    deviations = np.maximum(changes - mean, 0) / np.maximum(deviation, 1e-6)
    scores = np.nan_to_num(1 - np.exp(-deviations / 3))
    scores[:WARM_UP] = 0
    return scores


SCORERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "windowed Gaussian": score_by_gaussian,
    "last change": score_by_change,
}


class ScoreBaseline(Baseline):
    """One of SCORERS, with a threshold chosen by its rate of alarms on the training series.

    Args:
        name: A key of SCORERS.
        threshold: The lowest score that raises an alarm.
        hold_off: Steps after an alarm without another, as for the network.
        simpler: Further baselines for the report.
    """

    def __init__(
        self, name: str, threshold: float, hold_off: int, simpler: Sequence[ScoreBaseline] = ()
    ):
        self.name, self.threshold, self.hold_off, self.others = name, threshold, hold_off, simpler

    @property
    def simpler(self) -> Sequence[Baseline]:
        return self.others

    def measure(self, records: Sequence[LabelledSeries]) -> dict[str, list[Counts]]:
        counts: dict[str, list[Counts]] = {name: [] for name in ALARM_METRICS}
        for record in records:
            scores = SCORERS[self.name](record.values) if len(record.values) else np.zeros(0)
            alarms = find_alarms(scores, self.threshold, self.hold_off)
            for name, each in count_alarms(record, alarms).items():
                counts[name].append(each)
        return counts

    def state(self) -> dict[str, Any]:
        found = {each.name: each.threshold for each in (self, *self.others)}
        return {"thresholds": found, "hold_off": self.hold_off}


def assemble(thresholds: dict[str, float], hold_off: int) -> ScoreBaseline:
    """Builds the windowed Gaussian, with the last change as its simpler baseline."""
    first, *others = (ScoreBaseline(name, float(thresholds[name]), hold_off) for name in SCORERS)
    return ScoreBaseline(first.name, first.threshold, hold_off, others)


def fit_baseline(task: Task, records: Sequence[LabelledSeries]) -> ScoreBaseline:
    """Chooses the thresholds that give `false_alarms` alarms per step on the training series."""
    options = task.options
    thresholds = {
        name: choose_threshold(
            [scorer(record.values) for record in records], options.false_alarms, options.hold_off
        )
        for name, scorer in SCORERS.items()
    }
    return assemble(thresholds, options.hold_off)


def restore_baseline(task: Task, state: dict[str, Any]) -> ScoreBaseline:
    """Restores the baseline from its `state()`."""
    return assemble(state["thresholds"], int(state["hold_off"]))
