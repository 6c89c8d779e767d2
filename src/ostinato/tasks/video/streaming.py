"""Incremental labelling of video."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from ostinato.data.batching.batch import Example
from ostinato.tasks.shared.classifier_streamer import ClassifierStreamer


class VideoStreamer(ClassifierStreamer):
    """Labels a clip as it arrives: its label so far, or those of the new frames. Items are frames.

    Args:
        predictor: The task's predictor.
        as_record: A value -> a Clip.
        network: A unidirectional recurrent network.
    """

    item = "a frame, or a list of frames"

    def __init__(self, predictor: Any, as_record: Any, network: nn.Module):
        self.preprocessing, self.as_record = predictor.preprocessing, as_record
        labels = len(self.preprocessing.labels)

        def choose(rows: np.ndarray) -> Any:
            return predictor.choose(np.atleast_2d(rows))

        super().__init__(network, choose, lambda: np.zeros((0, labels)))

    def parse(self, item: Any) -> Example | None:
        if isinstance(item, list | np.ndarray) and len(item):
            values = np.asarray(item, dtype=None if isinstance(item, np.ndarray) else object)
            # one frame of features [D], of grey pixels [H, W] or of colours [H, W, C]
            shape = self.preprocessing.shape
            colour = values.ndim == 3 and values.shape == (*shape[1:], shape[0])
            single = values.ndim == 1 or (len(shape) == 3 and (values.ndim == 2 or colour))
            item = [item] if single and isinstance(item, list) else item
            item = item[None] if single and isinstance(item, np.ndarray) else item
        nothing = isinstance(item, list) and not item
        example = self.preprocessing.encode(self.as_record("" if nothing else item))
        return example if len(example.inputs) else None
