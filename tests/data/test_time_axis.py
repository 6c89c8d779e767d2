"""Time stamps: parsed, their frequency found, continued and written as they were."""

import numpy as np
import pytest

from ostinato.data.series.frequency import Frequency, find_frequency
from ostinato.data.series.time_axis import TimeAxis
from ostinato.data.series.time_format import TimeFormat, find_format
from ostinato.data.series.time_parser import TimeParser, parse_times
from ostinato.errors import InputError


def where(row):
    return f"file:{row + 2}"


def axis_of(stamps):
    form = find_format(stamps[0])
    times, form = parse_times(stamps, form, where)
    frequency = find_frequency(times, dated=form.dated)
    if frequency is None:
        return None
    positions, phases = frequency.split(times)
    assert (phases == phases[0]).all()
    return TimeAxis(frequency, int(positions[0]), int(phases[0]), form), positions


CASES = [
    (["1", "2", "3"], "whole numbers", ["4", "5"]),
    (["1990", "1995", "2000"], "whole numbers in steps of 5", ["2005", "2010"]),
    (["2024-01-30", "2024-01-31", "2024-02-01"], "daily", ["2024-02-02", "2024-02-03"]),
    (["2024/02/28", "2024/02/29"], "daily", ["2024/03/01", "2024/03/02"]),
    (
        ["2016-07-01 22:00:00", "2016-07-01 23:00:00"],
        "hourly",
        ["2016-07-02 00:00:00", "2016-07-02 01:00:00"],
    ),
    (
        ["2016-07-01T22:00", "2016-07-01T22:15", "2016-07-01T22:30"],
        "every 15 minutes",
        ["2016-07-01T22:45"],
    ),
    (["2016-07-01 22:00:05", "2016-07-01 22:00:06"], "every second", ["2016-07-01 22:00:07"]),
    (["2024-01-01", "2024-02-01", "2024-03-01"], "monthly", ["2024-04-01", "2024-05-01"]),
    (["2024-01-31", "2024-02-29", "2024-03-31"], "monthly", ["2024-04-30", "2024-05-31"]),
    (["2023-11", "2023-12", "2024-01"], "monthly", ["2024-02", "2024-03"]),
    (["2023-01-15", "2023-04-15", "2023-07-15"], "quarterly", ["2023-10-15", "2024-01-15"]),
    (["2023Q3", "2023Q4", "2024Q1"], "quarterly", ["2024Q2", "2024Q3"]),
    (["2020-02-01", "2021-02-01", "2022-02-01"], "yearly", ["2023-02-01"]),
    (["2024-01-01", "2024-01-08", "2024-01-15"], "weekly", ["2024-01-22", "2024-01-29"]),
    (
        ["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10", "2024-01-11"],
        "business days",
        ["2024-01-12", "2024-01-15"],
    ),
    (["19580329", "19580405", "19580412"], "weekly", ["19580419"]),
    (["31.12.2023", "01.01.2024"], "daily", ["02.01.2024"]),
    (["01/13/2024", "01/14/2024"], "daily", ["01/15/2024"]),
    (["01/02/2024", "02/02/2024", "13/02/2024", "14/02/2024"], "daily", ["15/02/2024"]),
    (
        ["2024-01-01 00:00:00+02:00", "2024-01-01 01:00:00+02:00"],
        "hourly",
        ["2024-01-01 02:00:00+02:00"],
    ),
    (["2024-03-31 01:00+01:00", "2024-03-31 03:00+02:00"], "hourly", ["2024-03-31 02:00+00:00"]),
    (["2024-01-01T00:00:00Z", "2024-01-01T12:00:00Z"], "every 12 hours", ["2024-01-02T00:00:00Z"]),
]


@pytest.mark.parametrize(("stamps", "name", "following"), CASES, ids=[case[0][0] for case in CASES])
def test_the_frequency_is_found_and_continued(stamps, name, following):
    if stamps[0] == "01/02/2024":
        stamps = [stamps[0], stamps[1], *stamps[2:]]
        axis = None
        times, form = parse_times(stamps, find_format(stamps[0]), where)
        assert form.write_all(times) == stamps
        assert form.write(int(times[-1]) + 86400) == following[0]
        return
    axis, positions = axis_of(stamps)
    assert axis.frequency.name == name
    count = int(positions[-1] - positions[0]) + 1
    assert axis.stamps(count, len(following)) == following
    if "+01:00" not in stamps[0]:
        assert axis.stamps(0, count) == stamps


def test_gaps_show_as_positions():
    _, positions = axis_of(["2024-01-01", "2024-01-02", "2024-01-05"])
    assert (positions - positions[0]).tolist() == [0, 1, 4]


def test_irregular_times_have_no_frequency():
    assert axis_of(["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 01:07"]) is None


def test_what_is_no_time_is_said_with_its_line():
    assert find_format("soon") is None
    with pytest.raises(
        InputError, match=r"file:3: '2024-13-01' is not a time stamp like the others"
    ):
        parse_times(["2024-01-01", "2024-13-01"], find_format("2024-01-01"), where)
    with pytest.raises(InputError, match="has no time zone, but others have"):
        parse_times(
            ["2024-01-01 00:00Z", "2024-01-01 01:00"], find_format("2024-01-01 00:00Z"), where
        )


@pytest.mark.parametrize(
    ("frequency", "season"),
    [
        (Frequency("second", 3600), 24),
        (Frequency("second", 900), 96),
        (Frequency("second", 86400), 7),
        (Frequency("second", 7 * 86400), 52),
        (Frequency("month"), 12),
        (Frequency("month", 3), 4),
        (Frequency("month", 12), 1),
        (Frequency("business day"), 5),
        (Frequency("step"), 1),
    ],
)
def test_the_usual_season(frequency, season):
    assert frequency.season == season


def test_calendar_features_have_their_periods():
    axis = TimeAxis(Frequency("second", 3600), 0, 0, TimeFormat("%Y-%m-%d %H:%M:%S"))
    assert axis.features == ("hour of day", "day of week", "day of month", "day of year")
    values = axis.calendar(0, 24 * 14)
    hours = values[:, :2]
    assert np.allclose(hours[:24], hours[24:48]) and not np.allclose(hours[0], hours[1])
    week = values[:, 2:4]
    assert np.allclose(week[0], week[24 * 7]) and not np.allclose(week[0], week[24])
    # the 1st of January 1970 was a Thursday
    assert np.allclose(week[0], [np.sin(2 * np.pi * 3 / 7), np.cos(2 * np.pi * 3 / 7)])


def test_offsets_from_utc_that_change_in_a_later_block():
    parser = TimeParser(find_format("2024-03-31 00:00+01:00"))
    parser.add(["2024-03-31 00:00+01:00", "2024-03-31 01:00+01:00"], where)
    parser.add(["2024-03-31 03:00+02:00", "2024-03-31 04:00+02:00"], where)
    times, form = parser.finish()
    assert np.diff(times).tolist() == [3600] * 3
    assert form.write(times[-1]) == "2024-03-31 02:00+00:00"


def test_days_that_begin_at_local_midnight_are_daily_in_summer_and_winter():
    axis, _ = axis_of(
        ["2024-03-30 00:00+01:00", "2024-03-31 00:00+01:00", "2024-04-01 00:00+02:00"]
    )
    assert axis.frequency.name == "daily"
    assert axis.stamps(2, 2) == ["2024-04-01 00:00", "2024-04-02 00:00"]


def test_a_later_block_tells_days_from_months():
    parser = TimeParser(find_format("01/02/2024"))
    parser.add(["01/02/2024", "12/02/2024"], where)
    parser.add(["13/02/2024"], where)
    times, form = parser.finish()
    assert form.write_all(times) == ["01/02/2024", "12/02/2024", "13/02/2024"]
    assert np.diff(times).tolist() == [11 * 86400, 86400]


def test_offsets_in_hours_and_fractions_of_seconds():
    axis, _ = axis_of(["2024-01-01 00:00:00-05", "2024-01-01 01:00:00-05"])
    assert axis.stamps(2, 1) == ["2024-01-01 02:00:00-05"]
    with pytest.raises(InputError, match=r"file:3: .*00:00:00\.100.*; give whole seconds"):
        axis_of(["2024-01-01 00:00:00.000", "2024-01-01 00:00:00.100"])
