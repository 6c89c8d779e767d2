"""The networks that give an expected value: by forecasting it, or by reconstructing it."""

from __future__ import annotations

from torch import nn

from ostinato.models.point_forecaster import PointForecaster, PointForecasterEnsemble
from ostinato.models.window_autoencoder import WindowAutoencoder
from ostinato.tasks.anomaly.features import FEATURES
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.anomaly.preprocessing import AnomalyPreprocessing

Detector = PointForecaster | WindowAutoencoder | PointForecasterEnsemble


def build_network(
    options: AnomalyOptions, preprocessing: AnomalyPreprocessing
) -> PointForecaster | WindowAutoencoder:
    """Builds a network with initial weights."""
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


def require_detector(network: nn.Module) -> Detector:
    """Narrows the type of a network that this task has built."""
    if not isinstance(network, Detector):
        raise TypeError(f"a {type(network).__name__} is not a Detector")
    return network
