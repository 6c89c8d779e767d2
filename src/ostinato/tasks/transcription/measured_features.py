"""Training recordings one after another: their raw features, or all but these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ostinato.data.audio.front_end import FrontEnd
from ostinato.data.audio.recordings import Recording
from ostinato.data.audio.stored_recordings import StoredRecordings
from ostinato.errors import InputError
from ostinato.tasks.transcription.feature_cache import FeatureCache
from ostinato.tasks.transcription.raw_features import whole_features


class MeasuredFeatures:
    """The raw features of recordings, one after another; counts their frames meanwhile.

    Args:
        records: The recordings.
        front_end: What computes features of sound.
        cache: Features that were computed already.

    Attributes:
        frames: The number of frames so far.
        size: Features a frame.

    Raises:
        InputError: Recordings with different numbers of features a frame.
    """

    def __init__(
        self, records: Sequence[Recording], front_end: FrontEnd | None, cache: FeatureCache
    ):
        self.records, self.front_end, self.cache = records, front_end, cache
        self.frames, self.size = 0, 0

    def __iter__(self) -> Iterator[np.ndarray]:
        for record in self.records:
            frames = whole_features(record, self.front_end, self.cache)
            self.size = self.size or frames.shape[1]
            if frames.shape[1] != self.size:
                raise InputError(
                    f"{record.where}: {frames.shape[1]} features a frame, but the first recording "
                    f"has {self.size}"
                )
            self.frames += len(frames)
            yield frames


def described(records: Sequence[Recording]) -> Iterator[Recording]:
    """The recordings; those on disk without features that are given."""
    if isinstance(records, StoredRecordings):
        return (each.recording for each in records.described)
    return iter(records)
