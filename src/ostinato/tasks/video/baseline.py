"""What a network that watches films is measured against, and how both are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ostinato.baselines.flattened_regression import FlattenedRegression
from ostinato.data.images.video_clips import Clip
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.metrics import METRICS
from ostinato.tasks.legacy import Baseline, Counts

Values = Callable[[Clip], np.ndarray]  # a clip's frames or features as numbers [T, ...]


class MostFrequent(Baseline):
    """Always the most frequent label of the training data."""

    name = "most frequent"

    def __init__(self, label: str, labels: Vocabulary):
        self.label, self.labels = label, labels

    @classmethod
    def fit(cls, records: Sequence[Clip], labels: Vocabulary) -> MostFrequent:
        counts = Counter(label for record in records for label in labels_of(record))
        return cls(min(counts, key=lambda label: (-counts[label], label)), labels)

    def measure(self, records: Sequence[Clip]) -> dict[str, list[Counts]]:
        return count_labels(
            [[self.label] * len(labels_of(record)) for record in records], records, self.labels
        )

    def state(self) -> dict[str, Any]:
        return {"label": self.label}


class FlattenedClips(Baseline):
    """Logistic regression on all frames side by side; of a label a frame, on each frame by itself."""

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
        self.regression, self.labels, self.values, self.most_frequent = (
            regression,
            labels,
            values,
            most_frequent,
        )
        self.per_frame = per_frame

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
        """The most frequent label, where frames are too large for the other."""
        most_frequent = MostFrequent.fit(records, labels)
        sequences = [each for record in records for each in pieces(values(record), per_frame)]
        numbers = [labels.number(label) for record in records for label in labels_of(record)]
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

    def measure(self, records: Sequence[Clip]) -> dict[str, list[Counts]]:
        answers = [
            self.labels.decode(self.regression.answer(pieces(self.values(record), self.per_frame)))
            for record in records
        ]
        return count_labels(answers, records, self.labels)

    def state(self) -> dict[str, Any]:
        return {**self.most_frequent.state(), "flattened": True, "per_frame": self.per_frame}

    def tensors(self) -> dict[str, Tensor]:
        return self.regression.tensors()


def restore(state: dict[str, Any], labels: Vocabulary, values: Values) -> Baseline:
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


def pieces(values: np.ndarray, per_frame: bool) -> list[np.ndarray]:
    """A clip as one sequence, or as many of one frame."""
    return list(values[:, None]) if per_frame else [values]


def labels_of(record: Clip) -> tuple[str, ...]:
    """A clip's one label, or those of its frames; none for one without."""
    if isinstance(record.label, tuple):
        return record.label
    return (record.label,) if record.label else ()


def count_labels(
    answers: Sequence[Sequence[str]], records: Sequence[Clip], known: Vocabulary
) -> dict[str, list[Counts]]:
    """What accuracy and F1 count of each clip, frame by frame where frames have labels; labels that are not known are one class in F1."""
    counts: dict[str, list[Counts]] = {"accuracy": [], "f1": []}
    for given, record in zip(answers, records, strict=True):
        truth = labels_of(record)
        counts["accuracy"].append(METRICS["accuracy"].count(list(given), list(truth)))
        each = [
            METRICS["f1"].count(
                [*(one == label for label in known.tokens), one not in known],
                [*(right == label for label in known.tokens), right not in known],
            )
            for one, right in zip(given, truth, strict=True)
        ]
        counts["f1"].append(
            tuple(map(sum, zip(*each, strict=True))) if each else (0,) * (3 * len(known.tokens) + 3)
        )
    return counts
