"""A score, what was expected, and whether there is an alarm, for every step of a series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import nn

from ostinato.metrics import METRICS
from ostinato.tasks.anomaly.counts import ALARM_METRICS, count_alarms, summarise_alarms
from ostinato.tasks.anomaly.features import CLIP, SeriesFeatures
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.anomaly.picture import draw_alarms
from ostinato.tasks.anomaly.preprocessing import AnomalyPreprocessing
from ostinato.tasks.anomaly.reader import LabelledSeries, as_labelled
from ostinato.tasks.anomaly.scoring import choose_threshold, find_alarms, score_surprise
from ostinato.tasks.prediction import Counts, Prediction
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.shared.inference import device_of

HEADER = "unique_id,ds,y,expected,score,anomaly"
LEAST_THRESHOLD = 0.632  # three deviations: what few held-back steps show is no lower bound
PIECE = 2000  # steps of a series that go through the network at a time, with the state carried
SHOWN = 6


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


class AnomalyPredictor(Predictor):
    options: AnomalyOptions
    preprocessing: AnomalyPreprocessing

    @torch.inference_mode()
    def surprise(
        self, network: Any, record: LabelledSeries
    ) -> tuple[np.ndarray, np.ndarray, SeriesFeatures]:
        """-log p of each standardised value, what was expected of it, [T] each, and the
        features.
        """
        features = self.preprocessing.features(record)
        device, state = device_of(network), None
        surprises, expected = [np.zeros(0)], [np.zeros(0)]
        whole = not hasattr(network, "recurrent")  # an ensemble carries no state
        step = max(1, len(record.values)) if whole else PIECE
        for start in range(0, len(record.values), step):
            inputs = torch.from_numpy(features.inputs[start : start + step]).unsqueeze(0).to(device)
            targets = (
                torch.from_numpy(features.targets[start : start + step]).unsqueeze(0).to(device)
            )
            location, scale, state = network.distributions(inputs, state)
            found = network.surprise(targets.nan_to_num(), location, scale)
            surprises.append(found[0].double().cpu().numpy())
            expected.append(location[0].double().cpu().numpy())
        losses = np.concatenate(surprises)
        losses[np.isnan(features.targets)] = np.nan
        return losses, np.concatenate(expected) * features.scale + features.mean, features

    def score(self, network: Any, record: LabelledSeries) -> np.ndarray:
        """The score of each step [T]."""
        return score_surprise(self.surprise(network, record)[0], self.options.smooth)

    def threshold(self, network: Any) -> float:
        """The score from which on there is an alarm."""
        given = self.options.threshold
        return float(network.threshold) if given is None else given

    def predict(self, network: nn.Module, records: Sequence[LabelledSeries]) -> list[Alarms]:
        found = []
        for record in records:
            losses, expected, features = self.surprise(network, record)
            scores = score_surprise(losses, self.options.smooth)
            alarms = find_alarms(scores, self.threshold(network), self.options.hold_off)
            series = record.series
            found.append(
                Alarms(
                    series.name,
                    series.stamps,
                    record.values,
                    expected,
                    scores,
                    alarms,
                    features.scale,
                    -losses - np.log(features.scale),
                )
            )
        return found

    def calibrate(self, network: Any, records: Sequence[LabelledSeries]) -> None:
        """The threshold that gives --false-alarms a step on held-back series."""
        scores = [self.score(network, record) for record in records]
        chosen = choose_threshold(scores, self.options.false_alarms, self.options.hold_off)
        network.threshold.fill_(max(chosen, LEAST_THRESHOLD))

    def count(
        self, network: nn.Module, records: Any, predictions: Sequence[Alarms]
    ) -> dict[str, list[Counts]]:
        counts: dict[str, list[Counts]] = {}
        for record, prediction in zip(records, predictions, strict=True):
            each = count_alarms(record, prediction.alarms)
            seen = ~np.isnan(prediction.log_probabilities)
            errors = (prediction.values - prediction.expected) / prediction.scale
            found = errors[seen].clip(-CLIP, CLIP).tolist()
            each["mae"] = METRICS["mae"].count(found, [0.0] * len(found))
            for name, one in each.items():
                counts.setdefault(name, []).append(one)
        return counts

    def count_quickly(self, network: nn.Module, records: Any, metric: str) -> list[Counts]:
        if metric in ALARM_METRICS:
            self.calibrate(network, records)
        return self.count(network, records, self.predict(network, records))[metric]

    def log_probabilities(self, network: nn.Module, records: Any) -> list[float]:
        """log of the density of each series: of every step given those before it, added up."""
        logs = [each.log_probabilities for each in self.predict(network, records)]
        return [float(np.nansum(each)) for each in logs]

    def format_lines(
        self, predictions: Iterator[Alarms], output: str | None = None
    ) -> Iterator[str]:
        first = next(predictions, None)
        yield HEADER
        for prediction in chain([] if first is None else [first], predictions):
            if prediction.stamps:
                yield prediction.text

    def tables(self, records: Any, predictions: Sequence[Alarms]) -> dict[str, Any]:
        return summarise_alarms(records, [each.alarms for each in predictions])

    def pictures(self, records: Any, predictions: Sequence[Alarms]) -> dict[str, Any]:
        step = max(1, -(-len(records) // SHOWN))
        chosen = range(0, len(records), step)
        return {
            "anomalies.png": draw_alarms(
                [records[place] for place in chosen], [predictions[place] for place in chosen]
            )
        }

    def laws(self, network: nn.Module, records: Sequence[LabelledSeries]) -> dict[str, float]:
        """How many series get another score in their first half when the second is changed."""
        changed = 0
        for record in records:
            half = len(record.values) // 2
            values = record.values.copy()
            values[half:] = 1e3 - 3 * np.nan_to_num(values[half:])
            other = as_labelled(replace(record.series, values=values, cached={}))
            one, two = self.score(network, record)[:half], self.score(network, other)[:half]
            changed += bool(np.abs(one - two).max(initial=0) > 1e-4)
        return {"no later value changes a score": float(changed)}

    def show(self, record: LabelledSeries, prediction: Alarms) -> dict[str, str]:
        alarms = prediction.details["alarms"]
        return {
            "series": f"{prediction.name}, {len(record.values):,} steps",
            "alarms": ", ".join(alarms[:4]) + f" and {len(alarms) - 4} more" * (len(alarms) > 4),
        }
