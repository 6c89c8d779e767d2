"""The prediction for a series: for every step an expected value, an anomaly score, and whether
an alarm is raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato.data.series.time_series import TimeSeries
from ostinato.tasks.anomaly.features import SeriesFeatures
from ostinato.tasks.prediction import Prediction

HEADER = "unique_id,ds,y,expected,score,anomaly"


@dataclass(frozen=True, eq=False)
class Alarms(Prediction):
    """The prediction for one series of T steps.

    Args:
        name: The series' `unique_id`.
        stamps: Its time stamps [T].
        values: The observed values [T].
        expected: The expected value of each step [T].
        scores: The anomaly scores [T], from 0 to 1.
        alarms: Whether an alarm is raised at each step [T].
        scale: The standard deviation of the steps before each step [T].
        log_probabilities: The log density of each value [T]; NaN where it is missing.
    """

    name: str
    stamps: list[str]
    values: np.ndarray
    expected: np.ndarray
    scores: np.ndarray
    alarms: np.ndarray
    scale: np.ndarray
    log_probabilities: np.ndarray

    @property
    def text(self) -> str:
        name = f'"{self.name}"' if "," in self.name else self.name
        return "\n".join(
            f"{name},{stamp},{'' if value != value else format(value, '.7g')},"
            f"{expected:.5g},{score:.4f},{int(alarm)}"
            for stamp, value, expected, score, alarm in zip(
                self.stamps,
                self.values.tolist(),
                self.expected.tolist(),
                self.scores.tolist(),
                self.alarms.tolist(),
                strict=True,
            )
        )

    @property
    def details(self) -> dict[str, Any]:
        return {
            "unique_id": self.name,
            "alarms": [
                stamp for stamp, alarm in zip(self.stamps, self.alarms, strict=True) if alarm
            ],
            "scores": [round(score, 4) for score in self.scores.tolist()],
        }


def make_alarms(
    series: TimeSeries,
    features: SeriesFeatures,
    losses: np.ndarray,
    location: np.ndarray,
    scores: np.ndarray,
    alarms: np.ndarray,
) -> Alarms:
    """Puts the results for a series of T steps together, in the units of the series.

    Args:
        series: The series.
        features: Its features, with the mean and the scale of each step.
        losses: -log p of each standardised value [T].
        location: The expected value of each step [T], standardised.
        scores: The anomaly scores [T].
        alarms: Whether an alarm is raised at each step [T].
    """
    return Alarms(
        series.name,
        series.stamps,
        series.values,
        location * features.scale + features.mean,
        scores,
        alarms,
        features.scale,
        -losses - np.log(features.scale),
    )
