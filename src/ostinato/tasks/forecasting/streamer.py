"""A forecaster for streams: a forecast after each new value; the caller holds the state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.series.time_series import TimeSeries
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.options import ForecastingOptions
from ostinato.tasks.forecasting.windows import Window
from ostinato.tasks.shared.series_state import SeriesState, SeriesStreamer, axis_after

MOST_KEPT = 1000  # past values in the state, if the whole history matters


class ForecastingLike(Protocol):
    """The part of a ForecastingPredictor that a streamer uses."""

    options: ForecastingOptions

    def predict(self, network: nn.Module, records: Sequence[Window]) -> list[Forecast]:
        """A forecast for every window."""
        ...


class ForecastingStreamer(SeriesStreamer):
    """Forecasts after new values; the state holds the last values and the seasonal error so far.

    Args:
        predictor: A ForecastingPredictor.
        network: The trained network.
    """

    def __init__(self, predictor: ForecastingLike, network: nn.Module):
        self.predictor, self.network = predictor, network
        options = predictor.options
        self.season, self.horizon = int(options.season or 1), int(options.horizon or 1)
        whole = options.scale_over == "series" or options.reference != "none" or options.statistical
        look_back = int(options.look_back or 1)
        self.kept = max(look_back, self.season + 1, MOST_KEPT if whole else 0)

    def start(self) -> State:
        # sum and number of |y[t] - y[t - lag]|, for lags of a season and of one step
        return (SeriesState.empty(self.kept).tensors, torch.zeros(1, 4, dtype=torch.float64))

    def feed(self, item: np.ndarray, state: State) -> tuple[Forecast, State]:
        held, errors = state
        values = SeriesState(held)
        errors = self.add_errors(errors, values.known, item)
        values = values.append(item)
        known = values.known
        series = TimeSeries(
            "series",
            known,
            axis_after(values.count - len(known)),
            errors=self.seasonal_errors(errors),
        )
        [forecast] = self.predictor.predict(
            self.network, [Window.at(series, len(known), self.horizon)]
        )
        return forecast, (values.tensors, errors)

    def add_errors(self, errors: Tensor, before: np.ndarray, new: np.ndarray) -> Tensor:
        """Adds the seasonal and one-step errors of new values to the sums.

        Args:
            errors: The sums and numbers so far.
            before: The values before the new ones.
            new: The new values [n].
        """
        longer = np.concatenate([before, new])
        found = errors.clone()
        for column, lag in ((0, self.season), (2, 1)):
            start = max(lag, len(before))
            if start >= len(longer):
                continue
            differences = np.abs(longer[start:] - longer[start - lag : len(longer) - lag])
            seen = ~np.isnan(differences)
            # one by one, in the order of a running sum, so that rounding is equal
            for value in differences[seen].tolist():
                found[0, column] += value
            found[0, column + 1] += int(seen.sum())
        return found

    def seasonal_errors(self, errors: Tensor) -> dict[int, tuple[float, float]]:
        """The sums and numbers as `TimeSeries.errors`, by lag."""
        season, seasons, step, steps = errors[0].tolist()
        one = (step, steps) if self.season > 1 else (season, seasons)
        return {self.season: (season, seasons), 1: one}
