"""What forecasting says to files and options that it cannot use: exit status 2, one line,
nothing left behind.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ostinato.notices import collect_notices
from ostinato.tasks.forecasting.options import ForecastingOptions
from ostinato.tasks.forecasting.reader import ForecastingReader

TINY = ["--hidden-size", "4", "--epochs", "1", "--least-steps", "0", "--no-tensorboard"]


def long_table(count=40, extra=""):
    rows = [f"a,{step},{step % 5}{extra}" for step in range(1, count + 1)]
    return "\n".join(rows) + "\n"


GOOD = "unique_id,ds,y\n" + long_table()
DAILY = "unique_id,ds,y\n" + "".join(f"a,2024-02-{step + 1:02},{step % 5}\n" for step in range(28))
PRICED = "unique_id,ds,y,price\n" + long_table(extra=",1")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with good.csv and priced.csv, and a run of each."""
    from ostinato.cli import main

    folder = tmp_path_factory.mktemp("series")
    (folder / "good.csv").write_text(GOOD)
    (folder / "priced.csv").write_text(PRICED)
    (folder / "daily.csv").write_text(DAILY)
    for name, flags in (("good", []), ("daily", []), ("priced", ["--future-covariates", "price"])):
        arguments = ["--train", str(folder / f"{name}.csv"), "--out", str(folder / f"{name}-run")]
        assert main(["train", "forecasting", *arguments, "--horizon", "4", *flags, *TINY]) == 0
    return folder


TRAIN = "train forecasting --out new --train"
ROWS = [
    ("an empty file", "", f"{TRAIN} bad.csv", r"bad.csv: no series \(0 rows\)"),
    ("a header alone", "unique_id,ds,y\n", f"{TRAIN} bad.csv", r"bad.csv: no series \(0 rows\)"),
    ("no file", "ds,y\n1,1\n", f"{TRAIN} bad.csv none.csv", "none.csv: no such file"),
    (
        "no ds",
        "unique_id,y\na,1\n",
        f"{TRAIN} bad.csv",
        "bad.csv:1: no column 'ds' or 'date' among",
    ),
    ("no y", "unique_id,ds\na,1\n", f"{TRAIN} bad.csv", "bad.csv:1: no column 'y' among"),
    (
        "a column that is not there",
        GOOD,
        f"{TRAIN} bad.csv --target-column sold",
        "no column 'sold'",
    ),
    (
        "a covariate that is not there",
        GOOD,
        f"{TRAIN} bad.csv --past-covariates rain",
        "no column 'rain'",
    ),
    (
        "a date that does not parse",
        "unique_id,ds,y\na,2024-01-01,1\na,2024-02-30,1\n",
        f"{TRAIN} bad.csv",
        "bad.csv:3: '2024-02-30' is not a time stamp like the others",
    ),
    (
        "text in a number column",
        "ds,y\n1,one\n",
        f"{TRAIN} bad.csv",
        "bad.csv:2: y is 'one', not a number",
    ),
    ("an infinite value", "ds,y\n1,1\n2,-inf\n", f"{TRAIN} bad.csv", "bad.csv:3: y is infinite"),
    (
        "a time stamp twice",
        "unique_id,ds,y\na,1,1\na,2,1\na,2,3\n",
        f"{TRAIN} bad.csv",
        "bad.csv:4: series 'a': the time stamp 2 is there twice",
    ),
    (
        "a value that is too large",
        "ds,y\n1,1\n2,1e300\n",
        f"{TRAIN} bad.csv",
        "bad.csv:3: y is 1e\\+300; values beyond 1e\\+30 cannot be used",
    ),
    (
        "a series without a name",
        GOOD + ",1,2\n",
        f"{TRAIN} bad.csv",
        "bad.csv:42: unique_id is empty; name the series",
    ),
    (
        "a time stamp that is empty",
        GOOD + "a,,2\n",
        f"{TRAIN} bad.csv",
        "bad.csv:42: '' is not a time stamp like the others, such as 12",
    ),
    (
        "whole numbers that are too large",
        GOOD + f"a,1{'0' * 18}1,2\n",
        f"{TRAIN} bad.csv",
        "bad.csv:42: '10000000000000000001' is not a time stamp like the others",
    ),
    (
        "fractions of a second",
        "ds,y\n2024-01-01 00:00:00.00,1\n2024-01-01 00:00:00.25,1\n",
        f"{TRAIN} bad.csv",
        "bad.csv:3: .*; give whole seconds, or whole numbers",
    ),
    (
        "a time zone that is missing",
        "ds,y\n2024-01-01 00:00Z,1\n2024-01-01 01:00,1\n",
        f"{TRAIN} bad.csv",
        "bad.csv:3: '2024-01-01 01:00' has no time zone, but others have; give all of them one",
    ),
    (
        "a table of JSON lines",
        '{"ds": 1, "y": 2}\n',
        f"{TRAIN} bad.jsonl",
        "bad.jsonl: series are read from CSV, TSV or Parquet",
    ),
    (
        "forecasts beyond the year 9999",
        "unique_id,ds,y\n" + "".join(f"a,9999-12-{day},1\n" for day in range(10, 32)),
        "predict daily-run bad.csv",
        "the time stamps go on beyond the year 9999",
    ),
    (
        "mixed frequencies",
        "unique_id,ds,y\n"
        + "".join(f"a,2024-01-{day:02},1\n" for day in range(1, 20))
        + "".join(f"b,2024-{month:02}-15,1\n" for month in range(1, 12)),
        f"{TRAIN} bad.csv",
        r"bad.csv:21: mixed frequencies: series 'b' is monthly, but 'a' \(bad.csv:2\) is daily",
    ),
    (
        "a horizon longer than the history",
        "ds,y\n1,1\n2,2\n3,1\n",
        f"{TRAIN} bad.csv --horizon 5",
        "bad.csv:2: a horizon of 5 is longer than the history: the longest series, 'y',",
    ),
    (
        "series without two values",
        "unique_id,ds,y\na,1,\na,2,\nb,1,5\n",
        f"{TRAIN} bad.csv",
        "bad.csv:2: series 'a' has fewer than two values, and no other has more",
    ),
    (
        "a test series shorter than the horizon",
        "unique_id,ds,y\na,1,1\na,2,1\n",
        "evaluate good-run bad.csv",
        "bad.csv:2: series 'a' has 2 values; a horizon of 4 needs more",
    ),
    (
        "logarithms of negative values",
        "ds,y\n" + "".join(f"{step},{step - 9}\n" for step in range(30)),
        f"{TRAIN} bad.csv --scaling log --horizon 3",
        "--scaling log needs values of 0 or more; the smallest is -9",
    ),
    (
        "a level that is none",
        GOOD,
        f"{TRAIN} bad.csv --level 80,150",
        "--level: expected percentages",
    ),
    (
        "windows that are none",
        "",
        "evaluate good-run good.csv --windows some",
        "--windows: expected a number",
    ),
    (
        "a future covariate missing",
        "",
        "predict priced-run priced.csv",
        "priced.csv:2: series 'a': no price for 41, a step to predict",
    ),
    (
        "a future file for a model without covariates",
        "",
        "predict good-run good.csv --future good.csv",
        "--future: the model was trained without --future-covariates",
    ),
    (
        "another frequency than the model's",
        "unique_id,ds,y\n" + "".join(f"a,2024-01-{day:02},1\n" for day in range(1, 20)),
        "predict good-run bad.csv",
        "series 'a' is daily, but the model was trained on whole numbers",
    ),
    (
        "a series without a value",
        "unique_id,ds,y\na,1,\na,2,\n",
        "predict good-run bad.csv",
        "bad.csv:2: series 'a' has no value",
    ),
    (
        "a flag of training",
        "",
        "predict good-run good.csv --horizon 9",
        "cannot be changed on a trained",
    ),
]


@pytest.mark.parametrize(
    ("content", "command", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_one_line_says_what_is_wrong(made, refused, content, command, message):
    bad = re.search(r"bad\.\w+", command)
    refused(made, command, re.compile(message), lambda: bad and Path(bad[0]).write_text(content))


def test_odd_series_are_named_and_the_rest_is_learned(tmp_path, ostinato, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flat = "".join(f"flat,{step},3\n" for step in range(1, 41))
    Path("odd.csv").write_text(GOOD + flat + "one,1,5\nback,3,1\nback,2,1\nback,1,2\n")
    outcome = ostinato(
        "train", "forecasting", "--train", "odd.csv", "--horizon", 4, "--out", "new", *TINY
    )
    assert outcome.status == 0, outcome.err
    assert "left out, with fewer than two values: series 'one' (odd.csv:82)" in outcome.err
    assert "constant: series 'flat' (odd.csv:42); they have no MASE" in outcome.err
    assert "odd.csv:84: series 'back': rows out of order; sorted by time" in outcome.err
    Path("unknown.csv").write_text("unique_id,ds,y\n" + long_table().replace("a,", "new,"))
    outcome = ostinato("predict", "new", "unknown.csv")
    assert outcome.status == 0 and outcome.out.splitlines()[1].startswith("new,41,")


@pytest.mark.parametrize(("fill", "words"), [("none", "left missing"), ("linear", "filled")])
def test_missing_values_are_counted_and_the_first_is_named(tmp_path, fill, words):
    bad = tmp_path / "gaps.csv"
    gaps = GOOD.replace("a,7,2\n", "").replace("a,9,4\n", "a,9,NaN\n")
    bad.write_text(gaps + long_table().replace("a,", "b,").replace("b,12,2\n", ""))
    with collect_notices() as said:
        ForecastingReader(ForecastingOptions(fill=fill)).read([str(bad)], training=True)
    assert f"gaps.csv: 3 missing values, {words}" in said[0]
    assert "gaps.csv:2) lacks 2 of 40 steps, the first at 7, and 1 other series have" in said[0]


def test_series_may_lack_static_covariates(tmp_path, ostinato, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("towns.csv").write_text("unique_id,ds,y,town\n" + long_table(extra=",x"))
    flags = ["--static-covariates", "town", "--horizon", 4, "--out", "new"]
    outcome = ostinato("train", "forecasting", "--train", "towns.csv", *flags, *TINY)
    assert outcome.status == 0, outcome.err
    wide = "ds,new\n" + "".join(f"{step},{step % 5}\n" for step in range(1, 41))
    for text, line in ((GOOD, "bad.csv:2: series 'a'"), (wide, "bad.csv:2: series 'new'")):
        Path("bad.csv").write_text(text)
        outcome = ostinato("predict", "new", "bad.csv")
        assert outcome.status == 0 and len(outcome.out.splitlines()) == 5
        assert f"{line}: town is missing; it is read as unknown" in outcome.err


def test_a_missing_covariate_of_the_past_is_said(tmp_path):
    bad = tmp_path / "priced.csv"
    bad.write_text(PRICED.replace("a,7,2,1", "a,7,2,"))
    options = ForecastingOptions(past_covariates="price")
    with collect_notices() as said:
        ForecastingReader(options).read([str(bad)], training=True)
    assert "priced.csv:2: series 'a': no price for 7; 1 value of price missing in all" in said[0]
