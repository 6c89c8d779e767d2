"""Windows as a network reads them: scaled, with covariates, and relative to their last value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ostinato.tasks.forecasting.covariate_encoder import CovariateEncoder
from ostinato.tasks.forecasting.statistical import forecast_points
from ostinato.tasks.forecasting.value_scaler import ValueScaler
from ostinato.tasks.forecasting.windows import EncodedWindow, Window

FAR = 3.0  # scaled units, or a factor of 20, that a reference forecast may lie beyond its history


@dataclass(frozen=True)
class WindowEncoder:
    """Windows -> inputs [L + H, D] and targets [H].

    Args:
        look_back: L.
        horizon: H.
        season: Of the reference forecast.
        scaler: Of the values.
        covariates: Writes all features but the value itself.
        anchor: Whether the last value is subtracted from the window.
        reference: The simple method whose forecast is read, too, or "none".
        tell_scale: Whether the logarithm of the scale is a feature, as for counts.
    """

    look_back: int
    horizon: int
    season: int
    scaler: ValueScaler
    covariates: CovariateEncoder
    anchor: bool = True
    reference: str = "none"
    tell_scale: bool = False

    def encode_windows(self, records: Sequence[Window]) -> list[EncodedWindow]:
        """Several windows; their reference forecasts are computed in one call."""
        if self.reference == "none":
            return [self.encode_window(record) for record in records]
        references = forecast_points(self.reference, records, self.season)
        return [self.encode_window(*pair) for pair in zip(records, references, strict=True)]

    def encode_window(self, record: Window, reference: np.ndarray | None = None) -> EncodedWindow:
        """One window. Of what comes after the cut the inputs hold known covariates only; the
        targets are the values after it.

        Args:
            record: The window.
            reference: The forecast of the simple method [H], if it is computed already.
        """
        look_back, horizon = self.look_back, self.horizon
        series, cut = record.series, record.cut
        start = max(0, cut - look_back)
        values = self.scaler.transform(series.values[start:cut])
        seen = ~np.isnan(values)
        observed = values[seen]
        centre, scale = self.scaler.measure(record, observed)
        anchor = (observed[-1] - centre) / scale if self.anchor and len(observed) else 0.0
        features = self.covariates.features
        inputs = np.zeros((look_back + horizon, features.size), dtype=np.float32)
        past = inputs[look_back - len(values) : look_back]
        past[:, 0] = np.where(seen, (np.where(seen, values, 0) - centre) / scale - anchor, 0)
        past[:, 1] = seen
        self.covariates.write(inputs, series, start, cut)
        if self.reference != "none":
            if reference is None:
                [reference] = forecast_points(self.reference, [record], self.season)
            coming = (self.scaler.transform(reference[:horizon]) - centre) / scale - anchor
            # a logarithm of next to nothing is far from all that the network has seen
            low, high = (past[:, 0].min() - FAR, past[:, 0].max() + FAR)
            inputs[look_back:, 2 + features.past] = coming.clip(low, high)
        if self.tell_scale:
            inputs[:, -2] = np.log(scale)
        targets = np.full(horizon, np.nan, dtype=np.float32)
        future = self.scaler.transform(series.values[cut : cut + horizon])
        targets[: len(future)] = (future - centre) / scale - anchor
        return EncodedWindow(inputs, targets, centre + anchor * scale, scale)
