"""Windows: a series with a cut between its history and its future, as views."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, overload

import numpy as np
import torch
from torch import Tensor

from ostinato.data.batching.batch import Batch
from ostinato.data.series.stored_series import StoredSeries
from ostinato.data.series.time_series import TimeSeries


class Window(NamedTuple):
    """The history of a forecast and, where it is known, its future.

    Attributes:
        history: The values before the cut [T], a view.
        series: The series, which may continue after the cut.
        cut: Number of its steps before the cut.
        horizon: Number of steps to forecast.
    """

    history: np.ndarray
    series: TimeSeries
    cut: int
    horizon: int

    @classmethod
    def at(cls, series: TimeSeries, cut: int, horizon: int) -> Window:
        """The window of a series at a cut."""
        return cls(series.values[:cut], series, cut, horizon)

    @property
    def future(self) -> np.ndarray:
        """The values after the cut, at most `horizon` of them."""
        return self.series.values[self.cut : self.cut + self.horizon]


class Windows(Sequence[Window]):
    """The windows of some series, created on demand.

    Args:
        series: The series.
        cuts: The cuts of each series.
        horizon: Steps to forecast.
    """

    def __init__(self, series: Sequence[TimeSeries], cuts: Sequence[range], horizon: int):
        self.series, self.cuts, self.horizon = series, cuts, horizon
        self.ends = np.cumsum([len(each) for each in cuts]) if cuts else np.zeros(0, dtype=int)

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    @overload
    def __getitem__(self, index: int) -> Window: ...

    @overload
    def __getitem__(self, index: slice) -> list[Window]: ...

    def __getitem__(self, index: int | slice) -> Window | list[Window]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = int(np.searchsorted(self.ends, index, side="right"))
        before = int(self.ends[number - 1]) if number else 0
        return Window.at(self.series[number], self.cuts[number][index - before], self.horizon)

    def __iter__(self) -> Iterator[Window]:
        for series, cuts in zip(self.series, self.cuts, strict=True):
            for cut in cuts:
                yield Window.at(series, cut, self.horizon)


def series_of(records: Sequence[Window]) -> Sequence[TimeSeries]:
    """The series of windows of which each series has one, as those for training; on disk if they
    are."""
    if isinstance(records, Windows) and isinstance(records.series, StoredSeries):
        return records.series
    return [record.series for record in records]


def evaluation_cuts(length: int, horizon: int, windows: str, stride: int | None) -> range:
    """The cuts of the windows that are scored, in ascending order; the last is a horizon before
    the end.

    evaluation_cuts(100, 10, "3", None) -> 70, 80, 90;  evaluation_cuts(100, 10, "all", 1) -> 1,
    ..., 90
    """
    last = length - horizon
    step = stride or (1 if windows == "all" else horizon)
    most = (last - 1) // step + 1
    number = most if windows == "all" else min(int(windows), most)
    return range(last - (number - 1) * step, last + 1, step)


def training_cuts(length: int, horizon: int, season: int) -> range:
    """The cuts of the training windows, each after at least a season if the series is long
    enough.
    """
    first = max(1, min(season, length - horizon, length // 2))
    return range(first, max(first + 1, length - horizon + 1)) if length > 1 else range(0)


class EncodedWindow(NamedTuple):
    """An encoded window, with the inverse of its scaling: value = forecast * scale + shift.

    Attributes:
        inputs: The features [L + H, D].
        targets: The scaled values to forecast [H], NaN where unknown.
        shift, scale: The parameters of the inverse.
    """

    inputs: np.ndarray
    targets: np.ndarray
    shift: float
    scale: float


def stack_windows(encoded: Sequence[EncodedWindow], *, rows: int | None = None) -> Batch:
    """Stacks encoded windows as a batch, padded with rows of zeros to `rows` rows.

    In batches of equal shape a window gets the same bits whatever the other rows are.
    """
    inputs = torch.from_numpy(np.stack([each.inputs for each in encoded]))
    targets: Tensor = torch.from_numpy(np.stack([each.targets for each in encoded]))
    if rows is not None and rows > len(inputs):
        inputs = torch.cat([inputs, inputs.new_zeros(rows - len(inputs), *inputs.shape[1:])])
        targets = torch.cat([targets, targets.new_zeros(rows - len(targets), targets.shape[1])])
    lengths = torch.full((len(inputs),), inputs.shape[1])
    return Batch(inputs, lengths, targets)


def perturb_future(record: Window) -> Window:
    """Changes every value, past covariate and missing mark after the cut of a window."""
    series, cut = record.series, record.cut
    random = np.random.default_rng(0)
    values, past = series.values.copy(), series.past.copy()
    later = values[cut:]
    values[cut:] = np.where(np.isnan(later), 1.0, -3 * later + random.normal(size=len(later)) * 1e3)
    values[cut::2] = np.nan
    past[cut:] = 1e4
    return Window.at(replace(series, values=values, past=past, cached={}), cut, record.horizon)


def choose_shown(records: Sequence[Window], most: int) -> list[int]:
    """The indices of at most `most` windows to draw: the last of evenly spaced series."""
    if isinstance(records, Windows):
        last = (records.ends - 1).tolist()
    else:
        last = list(range(len(records)))
    return last[:: max(1, -(-len(last) // most))][:most]
