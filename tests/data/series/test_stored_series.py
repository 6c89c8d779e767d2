"""Series on disk are those in memory, and so are their seasonal errors."""

from __future__ import annotations

import numpy as np
import pytest

from ostinato.data.series import time_series
from ostinato.data.series.frequency import Frequency
from ostinato.data.series.stored_series import StoredSeries, lengths_of, write_series
from ostinato.data.series.time_axis import TimeAxis
from ostinato.data.series.time_format import TimeFormat
from ostinato.data.series.time_series import TimeSeries

AXIS = TimeAxis(Frequency("month", 3, True), -7, 5, TimeFormat("%Y-%m-%d", "Z"))
ARRAYS = ("values", "past", "known", "labels", "times")


@pytest.fixture
def series():
    draw = np.random.default_rng(0)
    found = []
    for number, length in enumerate((40, 3, 17)):
        values = draw.standard_normal(length)
        values[draw.random(length) < 0.2] = np.nan
        found.append(
            TimeSeries(
                f"s{number}",
                values,
                AXIS,
                draw.random((length, 2), np.float32),
                draw.random((length + 4, 1), np.float32),
                ("red", ""),
                values > 0,
                np.arange(length) ** 3,
                f"a.csv:{number}",
            )
        )
    return found


def assert_equal(one: TimeSeries, other: TimeSeries) -> None:
    fields = ("name", "axis", "static", "where", "stamps")
    assert all(getattr(one, name) == getattr(other, name) for name in fields)
    for name in ARRAYS:
        assert np.asarray(getattr(one, name)).tobytes() == getattr(other, name).tobytes(), name


def test_series_and_their_beginnings(series, tmp_path):
    assert write_series(tmp_path, series) == 3
    found = StoredSeries(tmp_path)
    assert lengths_of(found).tolist() == lengths_of(series).tolist() == [40, 3, 17]
    for one, other in zip(found, series, strict=True):
        assert_equal(one, other)
    for one, other in zip(found.until(np.array([9, 3, 1])), series, strict=True):
        assert_equal(one, other.until(len(one)))
    assert [each.name for each in found[::2]] == ["s0", "s2"]
    assert found.chosen != found[::2].chosen != found.until(np.array([9, 3, 1])).chosen


def test_series_without_covariates_labels_and_times(tmp_path):
    write_series(tmp_path, [TimeSeries("a", np.arange(4.0))])
    [found] = StoredSeries(tmp_path)
    assert found.labels is None and found.times is None and found.past.shape == (0, 0)
    assert found.values[1:].tolist() == [1, 2, 3]


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_seasonal_errors_whatever_is_asked_for_first(series, block, tmp_path, monkeypatch):
    monkeypatch.setattr(time_series, "BLOCK", block)
    write_series(tmp_path, series)
    for kind in (series, StoredSeries(tmp_path)):
        for each, other in zip(kind, series, strict=True):
            for end in (30, 5, 0, 40, 12, 100):
                values = other.values[:end]
                for lag in (4, 1):
                    errors = np.abs(values[lag:] - values[:-lag])
                    errors = errors[~np.isnan(errors)]
                    if len(errors):
                        break
                wanted = float(np.cumsum(errors)[-1] / len(errors)) if len(errors) else 0.0
                assert each.seasonal_error(end, 4) == wanted
