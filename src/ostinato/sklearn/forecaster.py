"""Forecasts: past values to future values."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ostinato.sklearn.estimator import RecurrentEstimator


class Forecaster(RecurrentEstimator):
    """Forecasts series with the network of the forecasting task, one global model.

    X is a list of series [T] of possibly different lengths, or a table [N, T] with one series per
    row. The forecast is of the `horizon` values after the end of each series.

    Args:
        horizon: The number of values to forecast.
        season: The season length in steps; None: detected in the data.
        cell: The recurrent cell, as in `RecurrentEstimator`.
        hidden_size: Units of each layer.
        layers: The number of recurrent layers.
        dropout: Dropout rate on the inputs, between layers and before the output.
        learning_rate: The learning rate of Adam.
        epochs: Passes over the training data.
        batch_size: Windows in a batch.
        random_state: The seed of the weights, the batches and the held-out part.
        options: Further options of the task and of training, by name.

    Attributes:
        task_: The fitted task.
        network_: The network.
    """

    task_name = "forecasting"
    holds_out_ends = True

    def __init__(
        self,
        horizon: int = 12,
        season: int | None = None,
        cell: str = "gru",
        hidden_size: int = 64,
        layers: int = 1,
        dropout: float = 0.1,
        learning_rate: float = 0.002,
        epochs: float | None = None,
        batch_size: int = 64,
        random_state: Any = 0,
        options: dict[str, Any] | None = None,
    ):
        super().__init__(
            cell=cell,
            hidden_size=hidden_size,
            layers=layers,
            dropout=dropout,
            learning_rate=learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            random_state=random_state,
            options=options,
        )
        self.horizon = horizon
        self.season = season

    def settings(self) -> dict[str, Any]:
        found = {"horizon": self.horizon, **super().settings()}
        return found if self.season is None else {"season": self.season, **found}

    def fit(self, X: Any, y: Any = None) -> Forecaster:
        """Trains on series; the ends of some are the dev set that selects the weights."""
        series = check_series(X)
        self.task_, self.network_ = self.fit_task([each.tolist() for each in series])
        return self

    def forecast(self, X: Any) -> list[Any]:
        """The forecasts of the series with their quantiles; see the task's `Forecast`."""
        check_is_fitted(self, "network_")
        records = [self.task_.reader.as_record(each) for each in check_series(X)]
        return self.task_.predictor.predict(self.network_, records)

    def predict(self, X: Any) -> np.ndarray:
        """The median of the next `horizon` values of each series [N, horizon]."""
        return np.stack([each.point for each in self.forecast(X)])

    def predict_interval(self, X: Any, level: float = 80.0) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds, each [N, horizon], of central `level` % prediction intervals."""
        if not 0 < level < 100:
            raise ValueError(f"level must be between 0 and 100 percent; got {level}")
        low, high = zip(*(each.interval(level) for each in self.forecast(X)), strict=True)
        return np.stack(low), np.stack(high)

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the mean absolute error of the last `horizon` values of each series, forecast from
        those before."""
        series = check_series(X)
        found = self.predict([each[: -self.horizon] for each in series])
        truth = np.stack([each[-self.horizon :] for each in series])
        return -float(np.abs(found - truth).mean())


def check_series(X: Any) -> list[np.ndarray]:
    """The series as arrays [T]; ValueError for anything else."""
    values = X.to_numpy() if hasattr(X, "to_numpy") else X
    if isinstance(values, str) or not hasattr(values, "__len__") or not len(values):
        raise ValueError("X: expected a list of series of numbers, or a table [N, T]")
    try:
        series = [np.asarray(each, dtype=float) for each in values]
    except (TypeError, ValueError):
        raise ValueError("X: expected series of numbers") from None
    for number, each in enumerate(series):
        if each.ndim != 1:
            raise ValueError(f"X[{number}]: expected a series of numbers [T]")
        if np.isinf(each).any():
            raise ValueError(f"X[{number}]: holds an infinite value")
    return series
