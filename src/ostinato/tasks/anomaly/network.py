"""The network that expects the next value."""

from __future__ import annotations

from ostinato.models.point_forecaster import PointForecaster
from ostinato.tasks.anomaly.features import FEATURES
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.anomaly.preprocessing import AnomalyPreprocessing


def build_network(options: AnomalyOptions, preprocessing: AnomalyPreprocessing) -> PointForecaster:
    """A fresh network."""
    return PointForecaster(
        options.cell_type,
        FEATURES,
        options.hidden_size,
        layers=options.layers,
        dropout=options.dropout,
    )
