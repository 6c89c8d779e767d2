"""Expected values, anomaly scores and alarms for every step of a series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import nn

from ostinato.cells.state import State
from ostinato.metrics import METRICS
from ostinato.tasks.anomaly.alarms import HEADER, Alarms, make_alarms
from ostinato.tasks.anomaly.counts import ALARM_METRICS, count_alarms, summarise_alarms
from ostinato.tasks.anomaly.features import CLIP, SeriesFeatures
from ostinato.tasks.anomaly.network import require_detector
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.anomaly.picture import draw_alarms
from ostinato.tasks.anomaly.preprocessing import AnomalyPreprocessing
from ostinato.tasks.anomaly.reader import LabelledSeries, as_labelled
from ostinato.tasks.anomaly.scoring import (
    LEAST_THRESHOLDS,
    choose_threshold,
    find_alarms,
    score_errors,
    score_surprise,
)
from ostinato.tasks.anomaly.streamer import AnomalyStreamer
from ostinato.tasks.prediction import Counts
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.shared.inference import device_of

PIECE = 2000  # steps of a series that go through the network at a time, with the state carried
SHOWN = 6


class AnomalyPredictor(Predictor):
    options: AnomalyOptions
    preprocessing: AnomalyPreprocessing

    @torch.inference_mode()
    def observe(
        self, network: nn.Module, features: SeriesFeatures, state: State = None
    ) -> tuple[np.ndarray, np.ndarray, State]:
        """Runs the network over the features of T steps.

        Returns:
            -log p of each standardised value [T] (NaN where missing), the expected value of each
            step [T], standardised, and the recurrent state after the last step.
        """
        detector, device = require_detector(network), device_of(network)
        surprises, expected = [np.zeros(0)], [np.zeros(0)]
        for start in range(0, len(features.inputs), PIECE):
            part = slice(start, start + PIECE)
            inputs = torch.from_numpy(features.inputs[part]).unsqueeze(0).to(device)
            targets = torch.from_numpy(features.targets[part]).unsqueeze(0).to(device)
            found, location, state = detector.observe(inputs, targets, state)
            surprises.append(found[0].double().cpu().numpy())
            expected.append(location[0].double().cpu().numpy())
        losses = np.concatenate(surprises)
        losses[np.isnan(features.targets)] = np.nan
        return losses, np.concatenate(expected), state

    def surprise(
        self, network: nn.Module, record: LabelledSeries
    ) -> tuple[np.ndarray, np.ndarray, SeriesFeatures]:
        """-log p of each standardised value [T], the expected values [T] in the units of the
        series, and the features.
        """
        features = self.preprocessing.features(record)
        losses, location, _ = self.observe(network, features)
        return losses, location * features.scale + features.mean, features

    def unusual(
        self, losses: np.ndarray, location: np.ndarray, features: SeriesFeatures
    ) -> np.ndarray:
        """The quantity that is compared with earlier steps [T]: the absolute error, or -log p."""
        if self.options.scoring == "surprise":
            return losses
        return np.abs(features.targets - location)

    def score_unusual(self, unusual: np.ndarray) -> np.ndarray:
        """The score of each step [T]."""
        scorer = score_surprise if self.options.scoring == "surprise" else score_errors
        return scorer(unusual, self.options.smooth)

    def score(self, network: nn.Module, record: LabelledSeries) -> np.ndarray:
        """The score of each step [T]."""
        features = self.preprocessing.features(record)
        losses, location, _ = self.observe(network, features)
        return self.score_unusual(self.unusual(losses, location, features))

    def threshold(self, network: nn.Module) -> float:
        """The lowest score that raises an alarm."""
        given = self.options.threshold
        return float(require_detector(network).threshold) if given is None else given

    def predict(self, network: nn.Module, records: Sequence[LabelledSeries]) -> list[Alarms]:
        found = []
        for record in records:
            features = self.preprocessing.features(record)
            losses, location, _ = self.observe(network, features)
            scores = self.score_unusual(self.unusual(losses, location, features))
            alarms = find_alarms(scores, self.threshold(network), self.options.hold_off)
            found.append(make_alarms(record.series, features, losses, location, scores, alarms))
        return found

    def streamer(self, network: nn.Module, as_record: Callable[[Any], Any]) -> AnomalyStreamer:
        return AnomalyStreamer(self, network)

    def calibrate(self, network: nn.Module, records: Sequence[LabelledSeries]) -> None:
        """Sets the threshold that gives `false_alarms` alarms per step on held-out series."""
        scores = [self.score(network, record) for record in records]
        chosen = choose_threshold(scores, self.options.false_alarms, self.options.hold_off)
        require_detector(network).threshold.fill_(
            max(chosen, LEAST_THRESHOLDS[self.options.scoring])
        )

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
        """The log density of each series: the sum over its steps, each given those before it."""
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

    def analyse(
        self, records: Any, predictions: Sequence[Alarms], counts: Any, *, seed: int = 1
    ) -> dict[str, Any]:
        return summarise_alarms(records, [each.alarms for each in predictions])

    def pictures(self, records: Any, predictions: Sequence[Alarms]) -> dict[str, Any]:
        step = max(1, -(-len(records) // SHOWN))
        chosen = range(0, len(records), step)
        return {
            "anomalies.png": draw_alarms(
                [records[each] for each in chosen], [predictions[each] for each in chosen]
            )
        }

    def laws(self, network: nn.Module, records: Sequence[LabelledSeries]) -> dict[str, float]:
        """Counts the series whose scores in the first half change with values in the second
        half.
        """
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
