"""The networks that expect a value: by predicting it, or by reproducing it."""

from __future__ import annotations

from ostinato.models.point_forecaster import PointForecaster
from ostinato.models.window_autoencoder import WindowAutoencoder
from ostinato.tasks.anomaly.features import FEATURES
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.anomaly.preprocessing import AnomalyPreprocessing


def build_network(
    options: AnomalyOptions, preprocessing: AnomalyPreprocessing
) -> PointForecaster | WindowAutoencoder:
    """A fresh network."""
    if options.detector == "autoencoder":
        return WindowAutoencoder(
            options.cell_type,
            options.hidden_size,
            code_size=options.code_size,
            window=options.window,
            layers=options.layers,
            dropout=options.dropout,
        )
    return PointForecaster(
        options.cell_type,
        FEATURES,
        options.hidden_size,
        layers=options.layers,
        dropout=options.dropout,
    )
