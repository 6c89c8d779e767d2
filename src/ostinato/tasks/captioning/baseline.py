"""The baseline of captioning: the caption of the most similar training image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ostinato.baselines.nearest_neighbour import NearestNeighbour
from ostinato.data.images.picture import Picture
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.captioning.options import CaptioningOptions
from ostinato.tasks.captioning.prediction import TEXT_METRICS
from ostinato.tasks.prediction import Counts

SIDE = 16  # pictures are compared at this many pixels a side
MAXIMUM_VALUES = 4_000_000  # saved with a run; of larger training sets a sample is searched


class NearestCaption(Baseline):
    """The caption of the nearest training image, by pixels (16 x 16) or by its mean features.

    Args:
        neighbours: The vectors of training images and their captions.
        load: A record -> its values, [T, C, H, W] or [R, D].
        options: The task's options, for the scores.
    """

    name = "nearest neighbour"

    def __init__(
        self,
        neighbours: NearestNeighbour,
        load: Callable[[Picture], np.ndarray],
        options: CaptioningOptions,
    ):
        self.neighbours, self.load, self.options = neighbours, load, options

    @classmethod
    def fit(
        cls,
        records: Sequence[Picture],
        load: Callable[[Picture], np.ndarray],
        options: CaptioningOptions,
    ) -> NearestCaption:
        size = len(image_vector(load(records[0])))
        number = min(len(records), max(1, MAXIMUM_VALUES // size))
        rows = np.unique(np.linspace(0, len(records) - 1, number).astype(int))
        vectors = np.stack([image_vector(load(records[row])) for row in rows])  # [N, D]
        captions = [records[row].captions[0] for row in rows]
        return cls(NearestNeighbour(vectors, captions), load, options)

    def measure(self, records: Sequence[Picture]) -> dict[str, list[Counts]]:
        vectors = np.stack([image_vector(self.load(record)) for record in records])
        return self.options.count_texts(
            self.neighbours.answer(vectors), [record.captions for record in records], TEXT_METRICS
        )

    def state(self) -> dict[str, Any]:
        return self.neighbours.to_dict()


def image_vector(values: np.ndarray) -> np.ndarray:
    """One vector of an image.

    Args:
        values: Features [R, D], or pixels [T, C, H, W].

    Returns:
        The mean over regions or frames; of pixels as fractions, reduced to 16 x 16, [C * 16 * 16].
    """
    if values.ndim == 2:
        return values.mean(0)
    frame = values.mean(0) / 255  # [C, H, W]
    for axis in (1, 2):
        edges = np.linspace(0, frame.shape[axis], min(SIDE, frame.shape[axis]) + 1).astype(int)
        shape = [-1 if each == axis else 1 for each in range(3)]
        frame = np.add.reduceat(frame, edges[:-1], axis) / np.diff(edges).reshape(shape)
    return frame.ravel()
