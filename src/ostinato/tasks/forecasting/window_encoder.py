"""Encodes windows for a network: scaled, with covariates, and relative to their last value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ostinato.tasks.forecasting.covariate_encoder import CovariateEncoder
from ostinato.tasks.forecasting.statistical import forecast_points
from ostinato.tasks.forecasting.value_scaler import ValueScaler
from ostinato.tasks.forecasting.windows import EncodedWindow, Window

FAR = 3.0  # how far a reference forecast may leave its history, in scaled units


@dataclass(frozen=True)
class WindowEncoder:
    """Encodes windows as inputs [L + H, D] and targets [H].

    Args:
        look_back: The look-back L in steps.
        horizon: The horizon H in steps.
        season: The season of the reference forecast.
        scaler: The scaler of the values.
        covariates: Encodes all features other than the value itself.
        anchor: Whether the last value is subtracted from the window.
        reference: The simple method whose forecast is a feature, or "none".
        tell_scale: Whether the logarithm of the scale is a feature, for counts.
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
        """Encodes several windows; their reference forecasts are computed in one call."""
        if self.reference == "none":
            return [self.encode_window(record) for record in records]
        references = forecast_points(self.reference, records, self.season)
        return [self.encode_window(*pair) for pair in zip(records, references, strict=True)]

    def encode_window(self, record: Window, reference: np.ndarray | None = None) -> EncodedWindow:
        """Encodes one window.

        After the cut the inputs hold known covariates only; the values are the targets.

        Args:
            record: The window.
            reference: The forecast of the simple method [H], if it is computed already.
        """
        look_back, horizon = self.look_back, self.horizon
        series, cut = record.series, record.cut
        start = max(0, cut - look_back)
        # at once, as a series may be on disk
        near = np.asarray(series.values[start : cut + horizon])
        values = self.scaler.transform(near[: cut - start])
        future = self.scaler.transform(near[cut - start :])
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
            # the logarithm of a value near 0 is far from all that the network has seen
            low, high = (past[:, 0].min() - FAR, past[:, 0].max() + FAR)
            inputs[look_back:, 2 + features.past] = coming.clip(low, high)
        if self.tell_scale:
            inputs[:, -2] = np.log(scale)
        targets = np.full(horizon, np.nan, dtype=np.float32)
        targets[: len(future)] = (future - centre) / scale - anchor
        return EncodedWindow(inputs, targets, centre + anchor * scale, scale)
