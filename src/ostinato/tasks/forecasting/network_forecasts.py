"""Forecasts of windows by a network: computed in batches, scaled back, and corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ostinato.models.forecaster import LEVELS, MEDIAN, Forecaster
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.window_encoder import WindowEncoder
from ostinato.tasks.forecasting.windows import Window, stack_windows
from ostinato.tasks.shared.inference import device_of


@dataclass(frozen=True)
class NetworkForecasts:
    """Turns a network's quantiles into Forecasts.

    Args:
        encoder: Windows -> tensors, and the scale of each window.
        season: The lag of the seasonal error, which is the unit of corrections.
        batch_size: Windows per batch. Batches are padded to this size, so that a forecast does not
            depend on the other windows.
        coverages: The coverages of the intervals to print, in percent.
    """

    encoder: WindowEncoder
    season: int
    batch_size: int
    coverages: tuple[float, ...]

    @torch.inference_mode()
    def forecast(
        self, network: Forecaster, records: Sequence[Window], *, correct: bool
    ) -> list[Forecast]:
        """Forecasts windows, with or without the correction measured on held-out windows."""
        device = device_of(network)
        full = [index for index, record in enumerate(records) if has_values(record.history)]
        found: dict[int, np.ndarray] = {}
        windows = self.encoder.encode_windows([records[index] for index in full])
        for start in range(0, len(full), self.batch_size):
            indices = full[start : start + self.batch_size]
            encoded = windows[start : start + self.batch_size]
            batch = stack_windows(encoded, rows=self.batch_size).to(device)
            answers = network.quantiles(batch)[: len(indices)].double().cpu().numpy()
            for index, each, raw in zip(indices, encoded, answers, strict=True):
                values = self.encoder.scaler.inverse(raw * each.scale + each.shift)
                found[index] = self.correct(network, values, records[index]) if correct else values
        nothing = np.zeros((0, len(LEVELS)))
        return [
            Forecast(
                record.series.name,
                record.series.axis,
                record.cut,
                found.get(index, nothing),
                self.coverages,
            )
            for index, record in enumerate(records)
        ]

    def correct(self, network: Forecaster, values: np.ndarray, record: Window) -> np.ndarray:
        """Adds the correction to quantiles [H, Q]; the median stays, and quantiles remain
        sorted.
        """
        correction = network.correction.double().cpu().numpy()
        moved = values + correction * self.unit_of(record)
        middle = values[:, MEDIAN : MEDIAN + 1]
        moved[:, MEDIAN] = middle[:, 0]
        moved[:, MEDIAN:] = np.maximum.accumulate(moved[:, MEDIAN:], 1)
        moved[:, : MEDIAN + 1] = np.minimum.accumulate(moved[:, MEDIAN::-1], 1)[:, ::-1]
        return moved

    def unit_of(self, record: Window) -> float:
        """The unit of corrections: the in-sample seasonal error of the history, else its one-step
        error.
        """
        return record.series.seasonal_error(record.cut, self.season)


def has_values(history: np.ndarray) -> bool:
    """Whether a history has any value that is not NaN."""
    return bool(len(history)) and not bool(np.isnan(history).all())
