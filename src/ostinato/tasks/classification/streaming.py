"""Incremental classification of texts and series."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ostinato.data.batching.batch import Example
from ostinato.data.labelled import Labelled
from ostinato.data.series.labelled_series import as_series
from ostinato.errors import InputError
from ostinato.tasks.classification.encoders import SeriesEncoder, TextEncoder
from ostinato.tasks.shared.classifier_streamer import ClassifierStreamer
from ostinato.tasks.shared.text_chunks import chunk_tokens, ids_of


class ClassificationStreamer(ClassifierStreamer):
    """Classifies a text or series as it arrives: items are pieces of text (whole words), or one or
    several steps of a series.

    Args:
        predictor: The task's predictor.
        network: A unidirectional recurrent network.
    """

    def __init__(self, predictor: Any, network: nn.Module):
        self.encoder = predictor.preprocessing.encoder
        labels = predictor.preprocessing.labels.tokens
        reads_text = isinstance(self.encoder, TextEncoder)
        self.item = "a piece of text" if reads_text else "a step of a series, or several"
        empty = Labelled("" if reads_text else np.zeros((1, 1), np.float32), "")

        def choose(row: np.ndarray) -> Any:
            return predictor.choose(empty, dict(zip(labels, row.tolist(), strict=True)))

        def nothing() -> np.ndarray:
            if not reads_text:
                return np.full(len(labels), 1 / len(labels))
            (given,) = predictor.probabilities(network, [empty])
            return np.array(list(given.values()))

        super().__init__(network, choose, nothing)

    def parse(self, item: Any) -> Example | None:
        if isinstance(self.encoder, TextEncoder):
            if not isinstance(item, str):
                raise InputError(f"expected a piece of text; got {item!r:.60}")
            return self.encode_text(self.encoder, item)
        assert isinstance(self.encoder, SeriesEncoder)
        wanted = self.encoder.scaler.dimensions
        if isinstance(item, int | float) and not isinstance(item, bool):
            item = [[item]]
        values = np.asarray(item, dtype=object) if isinstance(item, list) else np.asarray(item)
        one_step = values.ndim == 1 and (len(values) == wanted and wanted > 1)
        series = as_series([item] if one_step else item)
        if series.shape[1] != wanted:
            raise InputError(f"{series.shape[1]} dimensions, but the model has {wanted}")
        return self.encoder.encode(series)

    def encode_text(self, encoder: TextEncoder, text: str) -> Example | None:
        """Encodes a piece of text; None if it has no words."""
        tokens = chunk_tokens(encoder.units, text)
        if not tokens:
            return None
        spellings = None if encoder.letters is None else [encoder.spell(each) for each in tokens]
        ids = torch.tensor(ids_of(encoder.units, tokens), dtype=torch.int64)
        return Example(ids, None, spellings)
