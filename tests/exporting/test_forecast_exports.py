"""Exported forecasters give Python's forecasts, in NumPy and in a browser."""

from __future__ import annotations

import csv
import importlib.util
import io
import subprocess
import sys

import numpy as np
import pytest

import ostinato
from ostinato.commands.export import export
from ostinato.errors import InputError
from ostinato.exporting.build_program import build_program
from ostinato.exporting.folder_format import FORECAST_RUNNER
from ostinato.exporting.small_weights import with_small_weights

TINY = {"hidden_size": 8, "epochs": 1, "look_back": 24, "horizon": 10, "tensorboard": False}
# the first stamp, the distance and the options of some series
KINDS = {
    "hours": ("2026-02-27T05:00", "h", {"decoder": "segments", "segment": 6, "layers": 2}),
    "days": ("2023-12-25", "D", {"decoder": "direct", "scaling": "robust", "cell": "lstm"}),
    "months": ("1990-01", "M", {"decoder": "segments", "segment": 12, "scaling": "log"}),
    "business": ("2025-01-01", "B", {"decoder": "direct", "scale_over": "series", "cell": "rnn"}),
    "numbers": ("", "", {"decoder": "segments", "segment": 8, "scaling": "mean", "skip": False}),
}


def stamps(first, distance, count):
    if not distance:
        return [str(number) for number in range(100, 100 + count)]
    if distance == "B":
        days = np.busday_offset(first, np.arange(count), roll="forward")
        return days.astype(str).tolist()
    times = np.datetime64(first, distance) + np.arange(count)
    return [
        time.replace("T", " ")
        for time in times.astype(f"M8[{'h' if distance == 'h' else 'D'}]").astype(str)
    ]


def rows_of(kind, count=420):
    """Two series, the second with missing values."""
    first, distance, _ = KINDS[kind]
    random = np.random.default_rng(3)
    ds = stamps(first, distance, count)
    if distance == "h":
        ds = [f"{stamp}:00:00" for stamp in ds]
    found = {}
    for number, name in enumerate(("north", "south")):
        y = 20 + number + np.sin(np.arange(count) / 4) + 0.2 * random.normal(size=count)
        found[name] = (ds, [float(f"{value:.6g}") for value in y])
    if kind in ("hours", "numbers"):
        for place in (50, 51, count - 3):
            found["south"][1][place] = None
    return found


def text(value):
    return "" if value is None else repr(value)


@pytest.fixture(scope="module")
def forecasters(tmp_path_factory):
    """A kind -> its run's folder, trained once."""
    folder, made = tmp_path_factory.mktemp("forecasters"), {}

    def get(kind):
        if kind not in made:
            lines = [
                f"{name},{stamp},{text(value)}"
                for name, (ds, y) in rows_of(kind).items()
                for stamp, value in zip(ds, y, strict=True)
            ]
            path = folder / f"{kind}.csv"
            path.write_text("unique_id,ds,y\n" + "\n".join(lines) + "\n")
            settings = {**TINY, **KINDS[kind][2]}
            ostinato.train("forecasting", train=[str(path)], out=folder / kind, **settings)
            made[kind] = folder / kind, path
        return made[kind]

    return get


def wanted(model, path):
    """The forecast of each series from where its record is cut."""
    records = model.task.reader.read([str(path)])
    forecasts = model.task.predictor.predict(model.network, records)
    return {each.name: (cut.cut, each) for cut, each in zip(records, forecasts, strict=True)}


def past_of(kind, name, cut):
    """What a runner is given."""
    ds, y = rows_of(kind)[name]
    given = {"y": y[:cut], "unique_id": name}
    return given if kind == "numbers" else {**given, "ds": ds[:cut]}


def compare(found, forecast):
    columns = forecast.columns
    spread = 1e-5 * (1 + np.abs(columns["hi-95"]).max())
    assert found["prediction"] == pytest.approx(columns["forecast"], abs=spread)
    for name in ("lo-80", "hi-80", "lo-95", "hi-95"):
        assert found[name] == pytest.approx(columns[name], abs=spread)


def load_runner(folder, monkeypatch):
    """The folder's Runner, imported as a script beside it does."""
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "operations", raising=False)
    spec = importlib.util.spec_from_file_location("exported_forecaster", folder / "runner.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Runner(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_gives_the_same_forecasts(kind, forecasters, tmp_path, monkeypatch):
    run, path = forecasters(kind)
    model = ostinato.load(run)
    export(model, format="folder", output=str(tmp_path / "folder"))
    runner = load_runner(tmp_path / "folder", monkeypatch)
    for name, (cut, forecast) in wanted(model, path).items():
        found = runner.predict(past_of(kind, name, cut))
        compare(found, forecast)
        if kind in ("days", "business", "hours"):
            assert found["ds"] == forecast.stamps


@pytest.mark.parametrize("kind", KINDS)
def test_a_browser_gives_the_same_forecasts(kind, forecasters, tmp_path, browser):
    run, path = forecasters(kind)
    model = ostinato.load(run)
    output = tmp_path / "model.html"
    export(model, format="html", output=str(output), tolerance=1.0)
    model.networks[0] = with_small_weights(model.networks[0])
    context = browser.new_context(offline=True)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(output.as_uri())
    for name, (cut, forecast) in wanted(model, path).items():
        given = past_of(kind, name, cut)
        found = page.evaluate("value => model.predict(value)", given)
        compare(found, forecast)
        if kind in ("days", "business", "hours"):
            assert found["ds"] == forecast.stamps
    lines = [f"{stamp},{text(value)}" for stamp, value in zip(*rows_of(kind)["north"], strict=True)]
    if kind == "numbers":
        lines = [line.split(",")[1] for line in lines]
    page.fill("#input", "ds,y\n" + "\n".join(lines))
    page.wait_for_timeout(300)
    assert page.locator("#picture svg polyline").count() == 2
    assert page.locator("#shares tr").count() == 1 + TINY["horizon"]
    if kind != "numbers":  # the series is known by its name, in the header or a first column
        cut, forecast = wanted(model, path)["north"]
        for text_of in (
            "ds,north\n" + "\n".join(lines[:cut]),
            "\n".join(f"north,{line}" for line in lines[:cut]),
        ):
            compare(page.evaluate("text => model.predict(parseSeries(text))", text_of), forecast)
        page.fill("#input", "a,2026-01-01,1\nb,2026-01-01,1")
        page.wait_for_timeout(300)
        assert page.inner_text("#answer") == "rows of several series; give those of one"
    page.fill("#input", "ds,y\n2026-01-01,many\n2026-01-02,3")
    page.wait_for_timeout(300)
    assert page.inner_text("#answer") == "no number: 2026-01-01,many"
    context.close()
    assert errors == []


def test_the_script_reads_and_writes_a_table(forecasters, tmp_path):
    run, path = forecasters("days")
    model = ostinato.load(run)
    export(model, format="folder", output=str(tmp_path / "folder"))
    cut, forecast = wanted(model, path)["north"]
    past = past_of("days", "north", cut)
    pairs = zip(past["ds"], past["y"], strict=True)
    history = "date,north\n" + "".join(f"{stamp},{value}\n" for stamp, value in pairs)
    script = [sys.executable, str(tmp_path / "folder/runner.py")]
    answer = subprocess.run(script, input=history, capture_output=True, text=True, check=True)
    rows = list(csv.DictReader(io.StringIO(answer.stdout)))
    # the series is known by its name: in the header, or in a first column
    found = [float(row["forecast"]) for row in rows]
    assert found == pytest.approx(forecast.columns["forecast"], rel=1e-4)
    long = "unique_id,ds,y\n" + "".join(f"north,{line}\n" for line in history.split("\n")[1:-1])
    again = subprocess.run(script, input=long, capture_output=True, text=True, check=True)
    assert again.stdout == answer.stdout
    for bad, message in (
        ("", "no rows; expected date,value or a value on each line"),
        ("ds,y\n2026-01-01,1\n2026-01-02,x\n", "could not convert string to float: 'x'"),
        ("ds,y\nyesterday,1\n", "Invalid isoformat string: 'yesterday'"),
        ("a,2026-01-01,1\nb,2026-01-01,2\n", "rows of several series; give those of one"),
    ):
        refused = subprocess.run(script, input=bad, capture_output=True, text=True)
        assert (refused.returncode, refused.stderr.strip()) == (2, message)
    assert list(rows[0]) == ["ds", "forecast", "lo-80", "hi-80", "lo-95", "hi-95"]
    assert [row["ds"] for row in rows] == forecast.stamps
    assert "import operations\n" in (tmp_path / "folder/runner.py").read_text()


def test_the_calendar_needs_dates(forecasters, tmp_path, monkeypatch):
    run, _ = forecasters("days")
    export(ostinato.load(run), format="folder", output=str(tmp_path / "folder"))
    runner = load_runner(tmp_path / "folder", monkeypatch)
    with pytest.raises(ValueError, match="this model reads the calendar: give the dates, too"):
        runner.predict([1.0, 2.0])
    with pytest.raises(ValueError, match="the series has no value"):
        runner.predict([None, None])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reference": "theta"}, "this model reads --reference: use --format onnx"),
        ({"decoder": "autoregressive"}, "draws sample paths, which no export does"),
        ({"members": 2}, "--members above 1 is not exported"),
        ({"model": "linear"}, "only recurrent networks are exported"),
    ],
)
def test_forecasters_that_are_not_exported(settings, message, forecasters, tmp_path):
    _, path = forecasters("days")
    model = ostinato.train(
        "forecasting", train=[str(path)], out=tmp_path / "run", **{**TINY, **settings}
    )
    with pytest.raises(InputError, match=message):
        build_program(model)


def test_the_runner_is_short():
    assert len(FORECAST_RUNNER.read_text().splitlines()) < 300
