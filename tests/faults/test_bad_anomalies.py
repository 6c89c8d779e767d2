"""What anomaly detection says to series, labels and files of windows that it cannot use: exit
status 2, one line, nothing left behind.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from pathlib import Path

import pytest

TINY = ["--hidden-size", "4", "--epochs", "1", "--least-steps", "0", "--no-tensorboard"]
START = datetime.datetime(2024, 1, 1)
DAY = ["2024-01-02 00:00:00", "2024-01-02 12:00:00"]


def table(count=96, header="ds,y", extra=""):
    """Hours of a daily wave as a table, with fields at the end of each row."""
    hours = [START + datetime.timedelta(hours=step) for step in range(count)]
    rows = [f"{hour},{math.sin(hour.hour):.3f}{extra}" for hour in hours]
    return "\n".join([header, *rows]) + "\n"


LABELLED = table(header="ds,y,anomaly", extra=",0")
ROWS = [
    ("an empty file", "csv", "", "train", r"bad.csv: no series \(0 rows\)"),
    ("a header alone", "csv", "ds,y\n", "train", r"bad.csv: no series \(0 rows\)"),
    ("no ds", "csv", table(header="hour of,load"), "train", "bad.csv:1: no column 'ds' or 'date'"),
    ("short series", "csv", table(19), "train", "bad.csv:2: no series has 20 values"),
    ("missing values alone", "csv", re.sub(r",-?\d.*", ",", table()), "train", "no series has 20"),
    ("a date", "csv", table().replace(f"{START},", "soon,"), "train", "bad.csv:2: 'soon' is not a"),
    (
        "a later date",
        "csv",
        table() + "later,1\n",
        "predict",
        "bad.csv:98: 'later' is not a time stamp like the others, such as 20",
    ),
    (
        "a text",
        "csv",
        table() + "2024-02-01 00:00:00,low\n",
        "train",
        "bad.csv:98: y is 'low', not",
    ),
    ("infinite", "csv", table() + "2024-02-01 00:00:00,inf\n", "predict", "bad.csv:98: y is infin"),
    (
        "a label of its own kind",
        "csv",
        LABELLED.replace(",0\n", ",yes\n", 1),
        "train",
        "bad.csv:2: anomaly is 'yes', not a number",
    ),
    (
        "a label beyond 1",
        "csv",
        LABELLED + "2024-02-01 00:00:00,1,2\n",
        "evaluate",
        "bad.csv:98: anomaly is 2; expected 1 for an anomaly, and 0 or nothing for other steps",
    ),
    (
        "a label below 0 in a wide table",
        "csv",
        table(header="ds,cpu,disk,anomaly", extra=",1,-1"),
        "train",
        "bad.csv:2: anomaly is -1; expected 1 for an anomaly",
    ),
    (
        "nothing to score",
        "csv",
        table(10),
        "evaluate",
        "bad.csv:2: no series has a value after the 10 steps",
    ),
    (
        "windows that are no JSON",
        "json",
        "[1,",
        "windows",
        "bad.json: not a file of windows, such as",
    ),
    ("a list of windows", "json", json.dumps([DAY]), "windows", "bad.json: not a file of windows"),
    (
        "a window without an end",
        "json",
        json.dumps({"good.csv": [DAY[:1]]}),
        "windows",
        "bad.json: not a file of windows",
    ),
    (
        "windows of other series",
        "json",
        json.dumps({"cpu.csv": [DAY]}),
        "windows",
        r"bad.json: has windows of cpu, ..., but of none of the series \(good\)",
    ),
    (
        "a window that ends before it begins",
        "json",
        json.dumps({"good.csv": [DAY[::-1]]}),
        "windows",
        "bad.json: the window from 2024-01-02 12:00:00 is not in series 'good'",
    ),
    (
        "a window without time stamps",
        "json",
        json.dumps({"good.csv": [["soon", "later"]]}),
        "windows",
        "bad.json: 'soon' is not a time stamp",
    ),
    (
        "no windows",
        "csv",
        "",
        "evaluate good-run good.csv --labels none.json",
        "none.json: no such f",
    ),
    (
        "a threshold",
        "csv",
        "",
        "predict good-run good.csv --threshold nan",
        "must be a finite number",
    ),
]
COMMANDS = {
    "train": "train anomaly --out new --train bad.csv",
    "predict": "predict good-run bad.csv",
    "evaluate": "evaluate good-run bad.csv",
    "windows": "evaluate good-run good.csv --labels bad.json",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with good.csv and a run that learned from it."""
    from ostinato.cli import main

    folder = tmp_path_factory.mktemp("anomalies")
    (folder / "good.csv").write_text(table())
    files = ["--train", str(folder / "good.csv"), "--out", str(folder / "good-run")]
    assert main(["train", "anomaly", *files, *TINY]) == 0
    return folder


@pytest.mark.parametrize(
    ("kind", "content", "command", "message"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_one_line_says_what_is_wrong(made, refused, kind, content, command, message):
    wanted = COMMANDS.get(command, command)
    refused(made, wanted, re.compile(message), lambda: Path(f"bad.{kind}").write_text(content))


def test_labels_may_be_booleans_or_missing(tmp_path, ostinato, monkeypatch):
    monkeypatch.chdir(tmp_path)
    labels = [("True" if 40 <= row < 46 else "" if row == 3 else "False") for row in range(96)]
    lines = table().split("\n")[1:-1]
    rows = [f"{line},{label}" for line, label in zip(lines, labels, strict=True)]
    Path("flags.csv").write_text("\n".join(["ds,y,is_anomaly", *rows]) + "\n")
    outcome = ostinato("train", "anomaly", "--train", "flags.csv", "--out", "new", *TINY)
    assert outcome.status == 0 and "6 of them labelled as anomalies" in outcome.err


def test_short_series_are_left_out_by_name(tmp_path, ostinato, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("long.csv").write_text(table())
    Path("few.csv").write_text(table(5))
    outcome = ostinato("train", "anomaly", "--train", "long.csv", "few.csv", "--out", "new", *TINY)
    assert outcome.status == 0, outcome.err
    assert "left out, with fewer than 20 values: series 'few' (few.csv:2)" in outcome.err
