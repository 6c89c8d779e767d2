"""The baselines of transcription: the commonest transcript and, if only few different transcripts
occur, the nearest recording.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ostinato.baselines.dynamic_time_warping import warped_distances
from ostinato.data.audio.recordings import Recording
from ostinato.metrics import METRICS
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.task import Task
from ostinato.tasks.transcription.measured_features import described
from ostinato.tasks.transcription.preprocessing import TranscriptionPreprocessing

FEW_CLASSES = 30  # with at most this many transcripts, recordings are compared
TEMPLATES = 200  # training recordings compared with, over all transcripts
STRIDE = 2  # every second frame is compared


def measure_texts(texts: Sequence[str], records: Sequence[Recording]) -> dict[str, list[Counts]]:
    return {
        name: [
            METRICS[name].count(text, record.text)
            for text, record in zip(texts, records, strict=True)
        ]
        for name in ("wer", "cer")
    }


class CommonestTranscript(Baseline):
    """Always the training data's most frequent transcript."""

    name = "commonest transcript"

    def __init__(self, text: str):
        self.transcript = text

    def measure(self, records: Sequence[Recording]) -> dict[str, list[Counts]]:
        return measure_texts([self.transcript] * len(records), records)

    def state(self) -> dict[str, Any]:
        return {"transcript": self.transcript}


class NearestRecording(Baseline):
    """The transcript of the nearest training recording by dynamic time warping."""

    name = "nearest recording (dynamic time warping)"

    def __init__(
        self,
        templates: Sequence[np.ndarray],
        texts: Sequence[str],
        commonest: CommonestTranscript,
        preprocessing: TranscriptionPreprocessing,
    ):
        self.templates, self.texts = list(templates), list(texts)
        self.commonest, self.preprocessing = commonest, preprocessing

    @classmethod
    def fit(
        cls,
        records: Sequence[Recording],
        commonest: CommonestTranscript,
        preprocessing: TranscriptionPreprocessing,
    ) -> NearestRecording:
        """Selects templates: equally many of each transcript, evenly spaced among its
        recordings.
        """
        groups: dict[str, list[int]] = defaultdict(list)
        for row, record in enumerate(described(records)):
            groups[record.text].append(row)
        each = max(1, TEMPLATES // len(groups))
        chosen = [
            records[group[place]]
            for group in groups.values()
            for place in sorted({int(p) for p in np.linspace(0, len(group) - 1, each)})
        ]
        templates = [strided(preprocessing, record) for record in chosen]
        return cls(templates, [record.text for record in chosen], commonest, preprocessing)

    @property
    def simpler(self) -> Sequence[Baseline]:
        return (self.commonest,)

    def measure(self, records: Sequence[Recording]) -> dict[str, list[Counts]]:
        texts = []
        for record in records:
            frames = strided(self.preprocessing, record)
            nearest = int(warped_distances(frames, self.templates).argmin()) if len(frames) else 0
            texts.append(self.texts[nearest])
        return measure_texts(texts, records)

    def state(self) -> dict[str, Any]:
        return {**self.commonest.state(), "texts": self.texts}

    def tensors(self) -> dict[str, Tensor]:
        lengths = torch.tensor([len(each) for each in self.templates])
        return {"frames": torch.from_numpy(np.concatenate(self.templates)), "lengths": lengths}


def strided(preprocessing: TranscriptionPreprocessing, record: Recording) -> np.ndarray:
    """Every second normalised frame of a recording."""
    return preprocessing.encode(record).inputs.numpy()[::STRIDE]


def fit_baseline(task: Task, records: Sequence[Recording]) -> Baseline:
    """Fits the nearest recording if few different transcripts recur, otherwise the commonest
    transcript.
    """
    counts = Counter(record.text for record in described(records))
    commonest = CommonestTranscript(min(counts, key=lambda text: (-counts[text], text)))
    if len(counts) <= FEW_CLASSES and len(records) >= 2 * len(counts):
        return NearestRecording.fit(records, commonest, task.preprocessing)
    return commonest


def restore_baseline(task: Task, state: dict[str, Any]) -> Baseline:
    commonest = CommonestTranscript(state["transcript"])
    if "texts" not in state:
        return commonest
    lengths = state["tensors"]["lengths"].tolist()
    templates = [each.numpy() for each in state["tensors"]["frames"].split(lengths)]
    return NearestRecording(templates, state["texts"], commonest, task.preprocessing)
