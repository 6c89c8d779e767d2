"""Whole series for training, and their ends as the dev set if there is no other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ostinato.data.series.stored_series import StoredSeries, lengths_of
from ostinato.data.series.time_series import TimeSeries
from ostinato.errors import InputError, option_name
from ostinato.tasks.forecasting.windows import Windows

DEV_SHARE = 0.2  # of each series, at most, that is held out at its end
DEV_WINDOWS = 64  # dev windows in total, if the series are long enough
MOST_DEV_SERIES = 2000


def whole_windows(series: Sequence[TimeSeries], horizon: int) -> Windows:
    """Whole series for training; InputError if none is longer than the horizon."""
    lengths = lengths_of(series)
    if lengths.max() <= horizon:
        longest = series[int(lengths.argmax())]
        raise InputError(
            f"{longest.where}: a horizon of {horizon} is longer than the history: the longest "
            f"series, {longest.name!r}, has {len(longest):,} values; give longer series or a "
            f"shorter {option_name('horizon')}"
        )
    return Windows(series, [range(each, each + 1) for each in lengths.tolist()], horizon)


def hold_out_ends(series: Sequence[TimeSeries], horizon: int, seed: int) -> tuple[Windows, Windows]:
    """Holds out the end of each series, several windows if it is long enough.

    Returns:
        The beginnings for training, and the held-out windows.
    """
    chosen = np.random.default_rng(seed).permutation(len(series))[:MOST_DEV_SERIES]
    wanted = max(1, -(-DEV_WINDOWS // len(chosen)))
    lengths = lengths_of(series)
    ends = lengths.copy()  # of the training part of each series
    held, cuts = [], []
    for row in np.sort(chosen).tolist():
        length = int(lengths[row])
        count = max(1, min(wanted, int((DEV_SHARE * length) // horizon)))
        start = length - count * horizon
        if start <= max(horizon, 3):
            continue
        ends[row] = start
        held.append(series[row])
        cuts.append(range(start, length - horizon + 1, horizon))
    if not held:
        raise InputError(
            f"no series is long enough to hold out its last {horizon} steps; give longer "
            f"ones, {option_name('dev')}, or a shorter {option_name('horizon')}"
        )
    whole = [range(each, each + 1) for each in ends.tolist()]
    return Windows(cut_series(series, ends), whole, horizon), Windows(held, cuts, horizon)


def cut_series(series: Sequence[TimeSeries], ends: np.ndarray) -> Sequence[TimeSeries]:
    """The first steps of each series, as many as `ends` [N] says."""
    if isinstance(series, StoredSeries):
        return series.until(ends)
    return [
        each.until(end) if end < len(each) else each
        for each, end in zip(series, ends.tolist(), strict=True)
    ]
