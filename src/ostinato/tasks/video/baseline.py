"""The baselines of video: the most frequent label, and a linear model of the flattened frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ostinato.baselines.flattened_regression import FlattenedRegression
from ostinato.data.images.video_clips import Clip
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.task import Task
from ostinato.tasks.video.labels import count_clip_labels, labels_of

Values = Callable[[Clip], np.ndarray]  # a clip's frames or features, [T, ...]


class MostFrequent(Baseline):
    """Always the most frequent label of the training data."""

    name = "most frequent"

    def __init__(self, label: str, labels: Vocabulary):
        self.label, self.vocabulary = label, labels

    @classmethod
    def fit(cls, records: Sequence[Clip], labels: Vocabulary) -> MostFrequent:
        counts = Counter(label for record in records for label in labels_of(record))
        return cls(min(counts, key=lambda label: (-counts[label], label)), labels)

    def measure(self, records: Sequence[Clip]) -> dict[str, list[Counts]]:
        return count_clip_labels(
            [[self.label] * len(labels_of(record)) for record in records], records, self.vocabulary
        )

    def state(self) -> dict[str, Any]:
        return {"label": self.label}


class FlattenedClips(Baseline):
    """Logistic regression on all frames of a clip, flattened; for labels of frames, on single
    frames.
    """

    name = "flattened frames, linear"

    def __init__(
        self,
        regression: FlattenedRegression,
        labels: Vocabulary,
        values: Values,
        most_frequent: MostFrequent,
        *,
        per_frame: bool,
    ):
        self.regression, self.vocabulary, self.values, self.most_frequent = (
            regression,
            labels,
            values,
            most_frequent,
        )
        self.per_frame = per_frame

    @property
    def labels(self) -> Sequence[str]:
        return self.vocabulary.tokens

    @classmethod
    def fit(
        cls,
        records: Sequence[Clip],
        labels: Vocabulary,
        values: Values,
        *,
        length: int,
        per_frame: bool,
    ) -> Baseline:
        """Fits the regression, or the most frequent label if frames are too large for it."""
        most_frequent = MostFrequent.fit(records, labels)
        sequences = [each for record in records for each in split_frames(values(record), per_frame)]
        numbers = [labels.token_to_id(label) for record in records for label in labels_of(record)]
        found = FlattenedRegression.fit(
            sequences, numbers, classes=len(labels), length=1 if per_frame else length
        )
        return (
            most_frequent
            if found is None
            else cls(found, labels, values, most_frequent, per_frame=per_frame)
        )

    @property
    def simpler(self) -> Sequence[Baseline]:
        return (self.most_frequent,)

    def probabilities(self, records: Sequence[Clip]) -> list[np.ndarray]:
        found = [
            self.regression.probabilities(split_frames(self.values(record), self.per_frame))
            for record in records
        ]
        return found if self.per_frame else [each[0] for each in found]

    def measure(self, records: Sequence[Clip]) -> dict[str, list[Counts]]:
        answers = [
            self.vocabulary.decode(
                self.regression.answer(split_frames(self.values(record), self.per_frame))
            )
            for record in records
        ]
        return count_clip_labels(answers, records, self.vocabulary)

    def state(self) -> dict[str, Any]:
        return {**self.most_frequent.state(), "flattened": True, "per_frame": self.per_frame}

    def tensors(self) -> dict[str, Tensor]:
        return self.regression.tensors()


def restore_baseline(task: Task, state: dict[str, Any]) -> Baseline:
    """Restores the baseline from its `state()`."""
    labels, values = task.preprocessing.labels, task.preprocessing.values
    most_frequent = MostFrequent(state["label"], labels)
    if not state.get("flattened"):
        return most_frequent
    tensors = {name: state["tensors"][name] for name in ("mean", "scale", "weight", "bias")}
    return FlattenedClips(
        FlattenedRegression(**tensors),
        labels,
        values,
        most_frequent,
        per_frame=bool(state["per_frame"]),
    )


def fit_baseline(task: Task, records: Sequence[Clip]) -> Baseline:
    """Fits a linear model of the flattened frames, or the most frequent label if frames are too
    large.
    """
    preprocessing = task.preprocessing
    return FlattenedClips.fit(
        records,
        preprocessing.labels,
        preprocessing.values,
        length=task.options.fixed_length,
        per_frame=preprocessing.per_frame,
    )


def split_frames(values: np.ndarray, per_frame: bool) -> list[np.ndarray]:
    """A clip as one sequence or, with `per_frame`, as one sequence per frame."""
    return list(values[:, None]) if per_frame else [values]
