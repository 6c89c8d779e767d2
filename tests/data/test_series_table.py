"""Series from long and wide tables."""

import gzip

import numpy as np
import pytest

from ostinato.data.series.season import find_season, is_seasonal
from ostinato.data.series.series_columns import SeriesColumns
from ostinato.data.series.series_table import read_series
from ostinato.data.series.time_series import TimeSeries, fill_missing
from ostinato.errors import InputError
from ostinato.notices import collect_notices

LONG = "unique_id,ds,y\na,2024-01-01,1\nb,2024-01-01,10\na,2024-01-02,2\nb,2024-01-02,20\n"
WIDE = "date,one,two\n2024-01-01,1,10\n2024-01-02,2,\n2024-01-03,3,nan\n"


def read(tmp_path, text, name="series.csv", **columns):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    return read_series([str(path)], SeriesColumns(**columns))


def values(series):
    return {each.name: each.values.tolist() for each in series}


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv", "a.txt"])
def test_long_and_wide_in_every_form(tmp_path, name):
    separator = "\t" if "tsv" in name else ","
    found = read(tmp_path, LONG.replace(",", separator), name)
    assert values(found) == {"a": [1, 2], "b": [10, 20]}
    found = read(tmp_path, "\ufeff" + WIDE.replace(",", separator).replace("\n", "\r\n"), name)
    assert found[0].values.tolist() == [1, 2, 3]
    assert np.isnan(found[1].values).tolist() == [False, True, True]
    assert found[0].axis.stamps(3, 1) == ["2024-01-04"]


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"unique_id": ["a", "a"], "ds": [1, 2], "y": [1.5, None]})
    parquet.write_table(table, tmp_path / "a.parquet")
    [series] = read_series([str(tmp_path / "a.parquet")], SeriesColumns())
    assert series.values[0] == 1.5 and np.isnan(series.values[1])


def test_gaps_are_missing_and_rows_out_of_order_are_sorted(tmp_path):
    with collect_notices() as notices:
        [series] = read(tmp_path, "ds,y\n2024-01-01,1\n2024-01-05,5\n2024-01-02,2\n2024-01-03,3\n")
    assert np.array_equal(series.values, [1, 2, 3, np.nan, 5], equal_nan=True)
    assert "series.csv:4: series 'y': rows out of order; sorted by time" in notices[0]


def test_rows_that_are_steps_stay_in_the_order_of_the_file(tmp_path):
    with collect_notices() as notices:
        [series] = read(tmp_path, "ds,y\n3,1\n2,2\n2,3\n", regular=False)
    assert series.values.tolist() == [1, 2, 3]
    assert "series.csv:3: series 'y': rows out of order; read in the order of the" in notices[0]


def test_columns_and_covariates(tmp_path):
    text = (
        "shop,day,sold,price,rain,town\n"
        "x,1,3,9,0,north\nx,2,4,8,1,north\nx,3,,7,,north\nx,4,,6,,north\n"
    )
    [series] = read(
        tmp_path,
        text,
        series="shop",
        time="day",
        target="sold",
        past=("rain",),
        future=("price",),
        static=("town",),
    )
    assert series.values.tolist() == [
        3,
        4,
    ]  # rows without a value, but with a price, are the future
    assert series.known.ravel().tolist() == [9, 8, 7, 6]
    assert series.past.ravel().tolist() == [0, 1]
    assert series.static == ("north",)


def test_files_without_names_are_series_of_their_own(tmp_path):
    for name in ("cpu", "disk"):
        (tmp_path / f"{name}.csv").write_text("timestamp,value\n1,1\n2,2\n")
    found = read_series([str(tmp_path / "cpu.csv"), str(tmp_path / "disk.csv")], SeriesColumns())
    assert [each.name for each in found] == ["cpu", "disk"]
    with pytest.raises(InputError, match="series 'value' is in .*one.csv:2, too; give each series"):
        (tmp_path / "one.csv").write_text("series,ds,y\nvalue,1,1\nvalue,2,1\n")
        (tmp_path / "two.csv").write_text("series,ds,y\nvalue,1,1\nvalue,2,1\n")
        read_series([str(tmp_path / "one.csv"), str(tmp_path / "two.csv")], SeriesColumns())


ERRORS = [
    ("", r"series.csv: no series \(0 rows\)"),
    ("unique_id,ds,y\n", r"series.csv: no series \(0 rows\)"),
    ("unique_id,y\na,1\n", "series.csv:1: no column 'ds' or 'date' among 'unique_id', 'y'"),
    ("unique_id,ds\na,1\n", "series.csv:1: no column 'y' among 'unique_id', 'ds'; name it with"),
    ("ds\n1\n", "series.csv:1: no column of values beside 'ds'"),
    (
        "ds,y\nsoon,1\n",
        "series.csv:2: 'soon' is not a time stamp; expected a date such as 2024-01-31",
    ),
    ("ds,y\n2024-01-01,1\nnever,2\n", "series.csv:3: 'never' is not a time stamp like the others"),
    ("ds,y\n1,1\n2,two\n", "series.csv:3: y is 'two', not a number"),
    ("ds,y\n1,1\n2,inf\n", "series.csv:3: y is infinite; leave it empty or remove the row"),
    ("ds,y\n1,1\n2\n", r"series.csv:3: 1 field, expected 2 \(ds, y\)"),
    ("ds,y,y\n1,1,1\n", "series.csv:1: the column 'y' is in the header twice"),
    (
        "unique_id,ds,y\na,1,1\nb,1,1\na,1,2\n",
        "series.csv:4: series 'a': the time stamp 1 is there twice; remove one of the two rows",
    ),
    (
        "ds,y\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n2024-01-01 02:00,2\n2024-01-01 02:07,3\n",
        "series.csv:5: series 'y': time stamps are irregular from 2024-01-01 02:07 on",
    ),
    (
        "unique_id,ds,y\n"
        + "".join(f"a,2024-01-0{day},1\n" for day in range(1, 6))
        + "".join(f"b,2024-0{month}-15,1\n" for month in range(1, 6)),
        r"csv:7: mixed frequencies: series 'b' is monthly, but 'a' \(.*:2\) is daily",
    ),
]


@pytest.mark.parametrize(("text", "message"), ERRORS, ids=[row[1][:50] for row in ERRORS])
def test_what_is_wrong_is_said(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_columns_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match="no column 'prise'; did you mean 'price'"):
        read(tmp_path, "ds,y,price\n1,1,1\n", future=("prise",))
    with pytest.raises(InputError, match="no column 'when'"):
        read(tmp_path, "ds,y\n1,1\n", time="when")
    with pytest.raises(InputError, match="'town' changes from 'n' to 's'"):
        read(tmp_path, "unique_id,ds,y,town\na,1,1,n\na,2,1,s\n", static=("town",))


def test_filling():
    row = np.array([np.nan, 1, np.nan, 3])
    assert np.isnan(fill_missing(row, "none")).sum() == 2
    assert fill_missing(row, "zero").tolist() == [0, 1, 0, 3]
    assert fill_missing(row, "previous").tolist() == [1, 1, 1, 3]
    assert fill_missing(row, "linear").tolist() == [1, 1, 2, 3]


def test_seasonal_errors():
    series = TimeSeries("a", np.array([1.0, 2.0, 4.0, np.nan, 5.0]))
    assert series.seasonal_error(5, 1) == pytest.approx((1 + 2) / 2)
    assert series.seasonal_error(5, 2) == pytest.approx((3 + 1) / 2)
    assert series.seasonal_error(3, 2) == 3
    assert series.seasonal_error(2, 2) == 1  # shorter than a season: one step
    assert TimeSeries("b", np.ones(4)).seasonal_error(4, 1) == 0


def test_seasons_are_found():
    time = np.arange(240)
    random = np.random.default_rng(0)
    waves = [
        10 + np.sin(2 * np.pi * time / 12 + n) + 0.2 * random.normal(size=240) for n in range(3)
    ]
    walks = [random.normal(size=240).cumsum() for _ in range(3)]
    assert find_season(waves, 1) == 12 and find_season(waves, 12) == 12
    assert find_season(walks, 12) == 1 and find_season(walks, 1) == 1
    assert is_seasonal(np.diff(waves[0]), 12) and not is_seasonal(np.ones(99), 12)
