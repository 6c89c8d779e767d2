"""Predicted labels with their probabilities, and their metric counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from torch import nn

from ostinato.data.labelled import Labelled, kind_of
from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.classification.encoders import TextEncoder
from ostinato.tasks.classification.inputs import require_text
from ostinato.tasks.classification.options import ClassificationOptions
from ostinato.tasks.classification.preprocessing import ClassificationPreprocessing
from ostinato.tasks.classification.streaming import ClassificationStreamer
from ostinato.tasks.prediction import Counts, Prediction
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.shared.class_scores import score_classes
from ostinato.tasks.shared.classifier_streamer import why_not_step_by_step
from ostinato.tasks.shared.joint_labels import join_labels, label_log_probabilities, label_rows
from ostinato.tasks.shared.label_counts import (
    class_probabilities,
    count_labels,
    draw_confusion,
    log_probability,
    notify_unseen,
    split_labels,
)


@dataclass(frozen=True)
class Classified(Prediction):
    """The prediction for one text, series or image.

    Args:
        labels: The predicted label, or labels; empty for a series without steps.
        probabilities: The probability of every label.
        separator: Separates several labels; None where an example has one.
        unknown: Share of the text's tokens that are <unk>.
    """

    labels: list[str]
    probabilities: dict[str, float]
    separator: str | None = None
    unknown: float = 0.0

    @property
    def text(self) -> str:
        return (self.separator or "").join(self.labels)

    @property
    def log_probability(self) -> float:
        several = self.separator is not None
        if not self.probabilities:
            return 0.0
        return log_probability(self.probabilities, self.labels, several=several)

    @property
    def details(self) -> dict[str, Any]:
        unknown = {"unknown": self.unknown} if self.unknown else {}
        return {
            "log_probability": self.log_probability,
            "probabilities": self.probabilities,
            **unknown,
        }


class ClassificationPredictor(Predictor):
    options: ClassificationOptions
    preprocessing: ClassificationPreprocessing

    one_pass = True

    def streamer(
        self, network: nn.Module, as_record: Callable[[Any], Any]
    ) -> ClassificationStreamer | None:
        return None if self.why_no_streamer(network) else ClassificationStreamer(self, network)

    def why_no_streamer(self, network: nn.Module) -> str:
        if self.preprocessing.kind == "images":
            return "an image is read as a whole"
        return why_not_step_by_step(network)

    def labels_of(self, record: Labelled) -> list[str]:
        return split_labels(record.label, self.options.label_separator)

    def probabilities(
        self, network: nn.Module, records: Sequence[Labelled]
    ) -> list[dict[str, float]]:
        """The probability of every label for each record."""
        labels = self.preprocessing.labels.tokens
        rows = label_rows(network, records, labels, self.own_rows)
        return [dict(zip(labels, row[0].tolist(), strict=True)) for row in rows]

    def own_rows(self, network: nn.Module, records: Sequence[Labelled]) -> list[np.ndarray]:
        """The network's own probability of every label [1, C] for each record."""
        examples = [self.preprocessing.encode(record) for record in records]
        labels = len(self.preprocessing.labels)
        return list(class_probabilities(network, examples, labels)[:, None])

    def join(self, network: nn.Module, baseline: Baseline, weight: float) -> nn.Module | None:
        return join_labels(network, baseline, weight)

    def unit_log_probabilities(self, network: nn.Module, records: Sequence[Labelled]) -> np.ndarray:
        names, several = self.preprocessing.labels.tokens, self.options.several_labels
        rows = label_rows(network, records, names, self.own_rows)
        truths = [self.labels_of(record) for record in records]
        return label_log_probabilities(rows, truths, names, several=several)

    def predict(self, network: nn.Module, records: Sequence[Labelled]) -> list[Classified]:
        found = self.probabilities(network, records)
        return [self.choose(*each) for each in zip(records, found, strict=True)]

    def choose(self, record: Labelled, probabilities: dict[str, float]) -> Classified:
        """Chooses the most probable label, or with several labels all above the threshold."""
        if not isinstance(record.inputs, str) and not len(record.inputs):
            return Classified([], {}, self.options.label_separator)
        if self.options.several_labels:
            threshold = self.options.threshold
            labels = [label for label, value in probabilities.items() if value >= threshold]
        else:
            labels = [max(probabilities, key=probabilities.__getitem__)]
        encoder = self.preprocessing.encoder
        unknown = 0.0
        if isinstance(encoder, TextEncoder):
            unknown = encoder.unknown_share(require_text(record.inputs))
        return Classified(labels, probabilities, self.options.label_separator, unknown)

    def log_probabilities(self, network: nn.Module, records: Sequence[Labelled]) -> list[float]:
        several = self.options.several_labels
        for record in records:
            if not several and not self.labels_of(record):
                raise InputError(
                    f"{record.where or 'the input'}: no label to compute the probability of"
                )
        found = self.probabilities(network, records)
        return [
            log_probability(row, self.labels_of(record), several=several)
            for record, row in zip(records, found, strict=True)
        ]

    def count(
        self, network: nn.Module, records: Sequence[Labelled], predictions: Sequence[Classified]
    ) -> dict[str, list[Counts]]:
        truths = [self.labels_of(record) for record in records]
        notify_unseen([label for truth in truths for label in truth], self.preprocessing.labels)
        return self.count_answers(records, predictions)

    def count_answers(
        self, records: Sequence[Labelled], predictions: Sequence[Classified]
    ) -> dict[str, list[Counts]]:
        counts = count_labels(
            [prediction.labels for prediction in predictions],
            [prediction.probabilities for prediction in predictions],
            [self.labels_of(record) for record in records],
            self.preprocessing.labels.tokens,
            several=self.options.several_labels,
        )
        if self.options.ordinal:
            counts["mae"] = [
                METRICS["mae"].count(float(prediction.labels[0]), float(record.label))
                for prediction, record in zip(predictions, records, strict=True)
            ]
        return counts

    def count_quickly(
        self, network: nn.Module, records: Sequence[Labelled], metric: str
    ) -> list[Counts]:
        if metric == "perplexity":
            return [
                METRICS[metric].count(max(value, -30.0), 1)
                for value in self.log_probabilities(network, records)
            ]
        return self.count_answers(records, self.predict(network, records))[metric]

    def analyse(
        self,
        records: Sequence[Labelled],
        predictions: Sequence[Classified],
        counts: Mapping[str, list[Counts]],
        *,
        seed: int = 1,
    ) -> dict[str, Any]:
        """Precision, recall and F1 of each label."""
        answers = [[(label, 0) for label in prediction.labels] for prediction in predictions]
        truths = [[(label, 0) for label in self.labels_of(record)] for record in records]
        return {"classes": score_classes(answers, truths)}

    def pictures(
        self, records: Sequence[Labelled], predictions: Sequence[Classified]
    ) -> dict[str, Callable[[BinaryIO], object]]:
        if self.options.several_labels:
            return {}
        answers = [prediction.labels[0] for prediction in predictions]
        truths = [record.label for record in records]
        return {"confusion.png": draw_confusion(answers, truths, self.preprocessing.labels)}

    def show(self, record: Labelled, prediction: Classified) -> dict[str, str]:
        if isinstance(record.inputs, str):
            inputs = record.inputs
        else:
            inputs = f"{len(record.inputs)} steps of {record.inputs.shape[1]} numbers"
            if kind_of(record.inputs) == "images":
                inputs = record.where or "an image"
        confidence = max(prediction.probabilities.values())
        return {
            {"texts": "text", "images": "image"}.get(kind_of(record.inputs), "series"): inputs
            if len(inputs) <= 200
            else inputs[:199] + "…",
            "label": record.label,
            "prediction": f"{prediction.text} ({confidence:.0%})",
        }
