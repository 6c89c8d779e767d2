"""What captioners are measured against, and how both are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ostinato.baselines.nearest_neighbour import NearestNeighbour
from ostinato.data.images.captioned import Picture
from ostinato.metrics import METRICS
from ostinato.tasks.legacy import Baseline, Counts

TEXT_METRICS = ("bleu", "exact_match")
SIDE = 16  # pictures are compared at so many pixels a side
MOST_NUMBERS = 4_000_000  # kept beside a run; of more pictures only some are asked


class NearestCaption(Baseline):
    """The caption of the most similar picture of the training data, by its pixels (16 x 16) or its features (their mean)."""

    name = "nearest neighbour"

    def __init__(self, neighbours: NearestNeighbour, values: Callable[[Picture], np.ndarray]):
        self.neighbours, self.values = neighbours, values

    @classmethod
    def fit(
        cls, records: Sequence[Picture], values: Callable[[Picture], np.ndarray]
    ) -> NearestCaption:
        size = len(vector(values(records[0])))
        chosen = np.unique(
            np.linspace(
                0, len(records) - 1, min(len(records), max(1, MOST_NUMBERS // size))
            ).astype(int)
        )
        vectors = np.stack([vector(values(records[place])) for place in chosen])
        return cls(
            NearestNeighbour(vectors, [records[place].captions[0] for place in chosen]), values
        )

    def measure(self, records: Sequence[Picture]) -> dict[str, list[Counts]]:
        texts = self.neighbours.answer(
            np.stack([vector(self.values(record)) for record in records])
        )
        return count_texts(texts, records)

    def state(self) -> dict[str, Any]:
        return self.neighbours.to_dict()


def vector(values: np.ndarray) -> np.ndarray:
    """One vector of an image: the mean of its regions or frames; of pixels [T, C, H, W] at 16 x 16, as fractions."""
    if values.ndim == 2:
        return values.mean(0)
    frame = values.mean(0) / 255
    for axis in (1, 2):
        edges = np.linspace(0, frame.shape[axis], min(SIDE, frame.shape[axis]) + 1).astype(int)
        frame = np.add.reduceat(frame, edges[:-1], axis) / np.diff(edges).reshape(
            [-1 if each == axis else 1 for each in range(3)]
        )
    return frame.ravel()


def count_texts(
    texts: Sequence[str], records: Sequence[Picture], metrics: Sequence[str] = TEXT_METRICS
) -> dict[str, list[Counts]]:
    """What each metric counts of each caption against all of its record's."""
    return {
        metric: [
            METRICS[metric].count(text, record.captions)
            for text, record in zip(texts, records, strict=True)
        ]
        for metric in metrics
    }
