"""The answer to a series: for every step what was expected, a score, and whether there is an
alarm.
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
    """The answer to one series.

    Args:
        name: The series' `unique_id`.
        stamps: Its time stamps [T].
        values: [T]
        expected: What was expected of each step [T].
        scores: From 0 to 1 [T].
        alarms: Whether there is an alarm [T].
        scale: The deviation of the steps before each [T].
        log_probabilities: Of each step's value, NaN where it has none [T].
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
    """The answer to a series from what the network says of its standardised steps [T]."""
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
