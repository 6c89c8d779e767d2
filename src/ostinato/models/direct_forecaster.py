"""Forecasts of all steps ahead from the last state (MQ-RNN, Wen et al. 2017).

Letters as in `models.forecaster`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.data.batching.batch import Batch
from ostinato.layers.recurrent import Recurrent
from ostinato.models.forecaster import LEVELS, Forecaster, order_quantiles
from ostinato.models.window_features import WindowFeatures
from ostinato.models.window_skip import WindowSkip


class DirectForecaster(Forecaster):
    """A recurrent network over the steps of the window, whose last state is mapped to all steps
    ahead.

    The last state becomes a context for each step ahead, and a small network, the same for all
    steps, joins it with what is known of that step (Wen et al. 2017).

    Args:
        cell: The recurrent cell.
        look_back: L.
        horizon: H.
        features: What a step holds.
        hidden_size: Units of each layer.
        layers: Recurrent layers.
        dropout: Between layers and of the last state.
        context: Size of the context of each step ahead.
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
        layers: int = 1,
        dropout: float = 0.0,
        context: int = 16,
        skip: bool = False,
    ):
        super().__init__(look_back, horizon, reference=features.reference)
        self.features, self.context = features, context
        self.recurrent = Recurrent(
            cell, features.of_step, hidden_size, layers=layers, dropout=dropout
        )
        self.dropout = nn.Dropout(dropout)
        self.series = nn.Embedding(features.series + 1, context, padding_idx=0)
        width = self.recurrent.output_size + features.static + context
        self.contexts = nn.Linear(width, horizon * context)
        self.local = nn.Sequential(
            nn.Linear(context + features.known, 2 * context),
            nn.ReLU(),
            nn.Linear(2 * context, len(LEVELS)),
        )
        self.skip = WindowSkip(look_back, horizon) if skip else None

    def quantiles(self, batch: Batch) -> Tensor:
        inputs, features = batch.inputs, self.features
        outputs, _ = self.recurrent(features.read_past(inputs, self.look_back))
        series = self.series(inputs[:, 0, -1].long())
        last = torch.cat([self.dropout(outputs[:, -1]), features.read_static(inputs), series], -1)
        contexts = self.contexts(last).reshape(len(inputs), self.horizon, self.context).relu()
        known = features.read_known(inputs, self.look_back)
        quantiles = order_quantiles(self.local(torch.cat([contexts, known], -1)))
        if self.skip is not None:
            quantiles = quantiles + self.skip.of_quantiles(inputs)
        return self.add_reference(quantiles, inputs)
