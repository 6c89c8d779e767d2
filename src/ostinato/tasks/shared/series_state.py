"""The state of streamed series: their last values, as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ostinato.data.series.frequency import Frequency
from ostinato.data.series.time_axis import TimeAxis
from ostinato.data.series.time_format import TimeFormat
from ostinato.data.series.time_series import parse_values
from ostinato.errors import InputError
from ostinato.tasks.shared.streamer import Streamer


class SeriesState:
    """The last K values of a series, and the number of values so far.

    Args:
        tensors: (number of values so far [1, 1], the last K values [1, K], 0 where missing or
            before the first, whether each is present [1, K]).
    """

    def __init__(self, tensors: Any):
        self.tensors: tuple[Tensor, Tensor, Tensor] = tensors

    @classmethod
    def empty(cls, most: int) -> SeriesState:
        """The state before the first value; `most` is K."""
        return cls(
            (
                torch.zeros(1, 1, dtype=torch.int64),
                torch.zeros(1, most, dtype=torch.float64),
                torch.zeros(1, most, dtype=torch.uint8),
            )
        )

    @property
    def count(self) -> int:
        """Values so far, missing ones included."""
        return int(self.tensors[0])

    @property
    def known(self) -> np.ndarray:
        """The last values in temporal order, NaN where missing."""
        _, values, seen = self.tensors
        found = np.where(seen[0].numpy() > 0, values[0].numpy(), np.nan)
        return found[max(0, len(found) - self.count) :]

    def append(self, new: np.ndarray) -> SeriesState:
        """The state after new values."""
        count, values, seen = self.tensors
        most = values.shape[1]
        missing = np.isnan(new)
        added = torch.from_numpy(np.where(missing, 0.0, new)).unsqueeze(0)
        marks = torch.from_numpy((~missing).astype(np.uint8)).unsqueeze(0)
        return SeriesState(
            (
                count + len(new),
                torch.cat([values, added], 1)[:, -most:].clone(),
                torch.cat([seen, marks], 1)[:, -most:].clone(),
            )
        )


class SeriesStreamer(Streamer):
    """The base class of streamers whose items are values of a series."""

    item = "a number, or a list of them; null for a missing one"

    def parse(self, item: Any) -> np.ndarray:
        if isinstance(item, bool):
            raise InputError(f"expected a number; got {item}")
        one = item is None or isinstance(item, (int, float, np.number))
        return parse_values([item] if one else item)


def axis_after(count: int) -> TimeAxis:
    """A time axis that continues after `count` steps: count + 1, count + 2, ..."""
    return TimeAxis(Frequency("step"), count + 1, 0, TimeFormat(""))
