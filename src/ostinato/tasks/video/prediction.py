"""Predicted labels of clips, or of their frames, and their metric counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from torch import nn

from ostinato.data.batching.batch import Batch
from ostinato.data.images.video_clips import Clip
from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts, Prediction
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.shared.class_scores import score_classes
from ostinato.tasks.shared.classifier_streamer import why_not_step_by_step
from ostinato.tasks.shared.inference import answer_in_batches
from ostinato.tasks.shared.joint_labels import join_labels, label_log_probabilities, label_rows
from ostinato.tasks.shared.label_counts import draw_confusion, notify_unseen
from ostinato.tasks.shared.probability_network import require_probabilities
from ostinato.tasks.video.labels import count_clip_labels, labels_of
from ostinato.tasks.video.options import VideoOptions
from ostinato.tasks.video.preprocessing import VideoPreprocessing
from ostinato.tasks.video.reader import describe_shape
from ostinato.tasks.video.streaming import VideoStreamer

FRAMES_IN_A_BATCH = {True: 512, False: 16_384}  # when predicting: of pixels, of features
CLIPS_IN_MEMORY = 500  # clips that are encoded at a time, to bound memory


@dataclass(frozen=True)
class ClipLabels(Prediction):
    """The predicted label or labels of one clip.

    Args:
        labels: The clip's label, or a label for each frame; empty for a clip without frames.
        log_probability: log P of these labels.
        probabilities: The probability of every label of a clip, or of the chosen label of each
            frame.
        per_frame: Whether frames are labelled.
        separator: The text between the labels of frames.
    """

    labels: list[str]
    log_probability: float
    probabilities: dict[str, float] | list[float] | None
    per_frame: bool
    separator: str

    @property
    def text(self) -> str:
        return self.separator.join(self.labels)

    @property
    def details(self) -> dict[str, Any]:
        details: dict[str, Any] = {"log_probability": self.log_probability}
        if self.per_frame:
            details["labels"] = self.labels
        if self.probabilities is not None:
            details["probabilities"] = self.probabilities
        return details


class VideoPredictor(Predictor):
    options: VideoOptions
    preprocessing: VideoPreprocessing
    one_pass = True

    def streamer(self, network: nn.Module, as_record: Callable[[Any], Any]) -> VideoStreamer | None:
        return None if self.why_no_streamer(network) else VideoStreamer(self, as_record, network)

    def why_no_streamer(self, network: nn.Module) -> str:
        return why_not_step_by_step(network)

    def probabilities(self, network: nn.Module, records: Sequence[Clip]) -> list[np.ndarray]:
        """The probability of each label [F, C] for each clip; F is 1, or the number of frames if
        these are labelled.
        """
        return label_rows(network, records, self.preprocessing.labels.tokens, self.own_rows)

    def join(self, network: nn.Module, baseline: Baseline, weight: float) -> nn.Module | None:
        return join_labels(network, baseline, weight)

    def unit_log_probabilities(self, network: nn.Module, records: Sequence[Clip]) -> np.ndarray:
        truths = [labels_of(record) for record in records]
        names = self.preprocessing.labels.tokens
        return label_log_probabilities(self.probabilities(network, records), truths, names)

    def own_rows(self, network: nn.Module, records: Sequence[Clip]) -> list[np.ndarray]:
        """The network's own `probabilities`, without the baseline."""
        found: list[np.ndarray] = []
        for start in range(0, len(records), CLIPS_IN_MEMORY):
            clips = records[start : start + CLIPS_IN_MEMORY]
            found += answer_in_batches(
                network,
                [self.preprocessing.encode(clip) for clip in clips],
                lambda batch: self.answer_batch(network, batch),
                empty=np.zeros((0, len(self.preprocessing.labels)), dtype=np.float32),
                tokens=FRAMES_IN_A_BATCH[self.preprocessing.has_pixels],
            )
        return found

    def answer_batch(self, network: nn.Module, batch: Batch) -> list[np.ndarray]:
        """The probabilities [F, C] of each row of a batch."""
        given = require_probabilities(network).probabilities(batch)  # [B, C] or [B, T, C]
        if not self.preprocessing.per_frame:
            return list(given.cpu().numpy()[:, None])
        if given.dim() == 2:  # a model that ignores the input: the same for every frame
            given = given.unsqueeze(1).expand(-1, batch.inputs.shape[1], -1)
        rows = given.cpu().numpy()
        return [row[:length] for row, length in zip(rows, batch.lengths.tolist(), strict=True)]

    def predict(self, network: nn.Module, records: Sequence[Clip]) -> list[ClipLabels]:
        return [self.choose(given) for given in self.probabilities(network, records)]

    def choose(self, given: np.ndarray) -> ClipLabels:
        """Chooses the most probable labels, given probabilities [F, C]."""
        labels, per_frame = self.preprocessing.labels, self.preprocessing.per_frame
        best = given.argmax(-1)  # [F]
        logs = np.log(np.maximum(given[np.arange(len(best)), best], 1e-38))
        probabilities: dict[str, float] | list[float] | None = None
        if per_frame:
            probabilities = [round(float(value), 6) for value in np.exp(logs)]
        elif len(given):
            probabilities = dict(zip(labels.tokens, given[0].tolist(), strict=True))
        names = labels.decode(best.tolist())
        return ClipLabels(names, float(logs.sum()), probabilities, per_frame, self.separator)

    @property
    def separator(self) -> str:
        """A space between labels, or a tab where labels contain spaces."""
        spaces = any(" " in label for label in self.preprocessing.labels.tokens)
        return "\t" if spaces else " "

    def log_probabilities(self, network: nn.Module, records: Sequence[Clip]) -> list[float]:
        """log P of each clip's label, or summed over the labels of its frames; -inf for an unknown
        label.
        """
        labels = self.preprocessing.labels
        values = []
        for record, given in zip(records, self.probabilities(network, records), strict=True):
            names = labels_of(record)
            if not names:
                raise InputError(
                    f"{record.where or 'the input'}: no label to compute the probability of"
                )
            rows = np.zeros(1)
            if all(name in labels for name in names):
                rows = given[np.arange(len(names)), [labels.token_to_id(name) for name in names]]
            with np.errstate(divide="ignore"):
                values.append(float(np.log(rows).sum()))
        return values

    def count(
        self, network: nn.Module, records: Sequence[Clip], predictions: Sequence[ClipLabels]
    ) -> dict[str, list[Counts]]:
        labels = self.preprocessing.labels
        notify_unseen([label for record in records for label in labels_of(record)], labels)
        return count_clip_labels([prediction.labels for prediction in predictions], records, labels)

    def count_quickly(
        self, network: nn.Module, records: Sequence[Clip], metric: str
    ) -> list[Counts]:
        if metric == "perplexity":
            sizes = [len(labels_of(record)) for record in records]
            return [
                METRICS[metric].count(max(value, -30.0 * size), size)
                for value, size in zip(self.log_probabilities(network, records), sizes, strict=True)
            ]
        answers = [prediction.labels for prediction in self.predict(network, records)]
        return count_clip_labels(answers, records, self.preprocessing.labels)[metric]

    def analyse(
        self,
        records: Sequence[Clip],
        predictions: Sequence[ClipLabels],
        counts: Mapping[str, list[Counts]],
        *,
        seed: int = 1,
    ) -> dict[str, Any]:
        """Precision, recall and F1 of each label."""
        answers = [
            [(label, place) for place, label in enumerate(prediction.labels)]
            for prediction in predictions
        ]
        truths = [
            [(label, place) for place, label in enumerate(labels_of(record))] for record in records
        ]
        return {"classes": score_classes(answers, truths)}

    def pictures(
        self, records: Sequence[Clip], predictions: Sequence[ClipLabels]
    ) -> dict[str, Callable[[BinaryIO], object]]:
        answers = [label for prediction in predictions for label in prediction.labels]
        truths = [label for record in records for label in labels_of(record)]
        return {"confusion.png": draw_confusion(answers, truths, self.preprocessing.labels)}

    def show(self, record: Clip, prediction: ClipLabels) -> dict[str, str]:
        return {
            "clip": f"{len(record.frames)} frames of {describe_shape(record.frames.shape[1:])}",
            "label": self.separator.join(labels_of(record))[:200],
            "prediction": prediction.text[:200],
        }
