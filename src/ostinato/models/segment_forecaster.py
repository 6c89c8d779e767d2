"""Forecasts by segments (SegRNN, Lin et al. 2023): all segments ahead are decoded in parallel.

Letters as in `models.forecaster`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.cells.state import map_state
from ostinato.data.batching.batch import Batch
from ostinato.layers.recurrent import Recurrent
from ostinato.models.forecaster import LEVELS, Forecaster, order_quantiles
from ostinato.models.inspectable import RecurrentPart
from ostinato.models.window_features import WindowFeatures
from ostinato.models.window_skip import WindowSkip


class SegmentForecaster(Forecaster):
    """SegRNN: a recurrent layer over segments of the window, and one step of it for each coming
    segment.

    The decoder starts each coming segment from the state after the window and reads only which
    segment it is, of which series, and what is known of the future; all segments in parallel.

    Args:
        cell: The recurrent cell.
        look_back: L, a multiple of the segment length.
        horizon: H.
        features: What a step holds.
        hidden_size: Units, even.
        segment: Segment length W.
        layers: Recurrent layers.
        dropout: Before the output layer and between layers.
        skip: Whether a linear map of the window is added to the forecast.
    """

    def __init__(
        self,
        cell: CellType,
        look_back: int,
        horizon: int,
        features: WindowFeatures,
        *,
        hidden_size: int,
        segment: int,
        layers: int = 1,
        dropout: float = 0.0,
        skip: bool = False,
    ):
        super().__init__(look_back, horizon, reference=features.reference)
        self.features, self.segment = features, segment
        self.coming = -(-horizon // segment)  # segments to predict
        half = hidden_size // 2
        self.embed = nn.Linear(segment * features.of_step, hidden_size)
        self.recurrent = Recurrent(cell, hidden_size, hidden_size, layers=layers, dropout=dropout)
        self.position = nn.Parameter(torch.randn(self.coming, half))
        self.series = nn.Embedding(features.series + 1, hidden_size - half, padding_idx=0)
        outside = segment * features.known + features.static
        self.known = nn.Linear(outside, hidden_size) if outside else None
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.recurrent.output_size, segment * len(LEVELS))
        self.skip = WindowSkip(look_back, horizon) if skip else None

    def quantiles(self, batch: Batch) -> Tensor:
        inputs, features = batch.inputs, self.features
        rows = inputs.shape[0]
        past = features.read_past(inputs, self.look_back)  # [B, L, of_step]
        segments = past.reshape(rows, self.look_back // self.segment, -1)
        _, state = self.recurrent(self.embed(segments).relu())
        wanted = torch.cat(
            [
                self.position.expand(rows, -1, -1),
                self.series(inputs[:, 0, -1].long()).unsqueeze(1).expand(-1, self.coming, -1),
            ],
            -1,
        )  # [B, coming, hidden]
        if self.known is not None:
            wanted = wanted + self.known(self.known_segments(inputs))
        wanted = wanted.reshape(rows * self.coming, 1, -1)
        repeated = map_state(lambda part: part.repeat_interleave(self.coming, 0), state)
        hidden, _ = self.recurrent(wanted, state=repeated)
        raw = self.output(self.dropout(hidden))  # [B * coming, 1, W * Q]
        raw = raw.reshape(rows, self.coming * self.segment, len(LEVELS))[:, : self.horizon]
        quantiles = order_quantiles(raw)
        if self.skip is not None:
            quantiles = quantiles + self.skip.of_quantiles(inputs)
        return self.add_reference(quantiles, inputs)

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The layers over segments; the steps that decode come after them."""
        return [RecurrentPart("recurrent", self.recurrent, stride=self.segment)]

    def known_segments(self, inputs: Tensor) -> Tensor:
        """What is known of each coming segment, [B, coming, W * K + static]"""
        known = self.features.read_known(inputs, self.look_back)
        missing = self.coming * self.segment - self.horizon
        known = functional.pad(known, (0, 0, 0, missing))
        known = known.reshape(len(known), self.coming, self.segment * self.features.known)
        static = self.features.read_static(inputs).unsqueeze(1).expand(-1, self.coming, -1)
        return torch.cat([known, static], -1)
