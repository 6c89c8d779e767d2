"""Anomaly detection from files to alarms: scores depend on the past alone, labels in a column
or as windows.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import ostinato as package
from ostinato.cli import main
from ostinato.data.series.time_series import TimeSeries
from ostinato.errors import InputError
from ostinato.models.point_forecaster import PointForecaster
from ostinato.tasks.anomaly import TASK
from ostinato.tasks.anomaly.baseline import SCORERS
from ostinato.tasks.anomaly.counts import count_alarms, probation_of, summarise_alarms
from ostinato.tasks.anomaly.features import make_features, running_moments
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.anomaly.reader import as_labelled
from ostinato.tasks.anomaly.scoring import choose_threshold, find_alarms, score_surprise

TINY = {
    "hidden_size": 12,
    "epochs": 8.0,
    "least_steps": 0,
    "learning_rate": 0.01,
    "tensorboard": False,
    "season": 24,
    "smooth": 2,
}
STEPS = 900


def make(path, *, broken=True, seed=0):
    """Two daily waves, hour by hour; in the second half one has a plateau."""
    random = np.random.default_rng(seed)
    lines = ["unique_id,ds,y,anomaly"]
    for name in ("a", "b"):
        values = 50 + 10 * np.sin(2 * np.pi * np.arange(STEPS) / 24) + random.normal(size=STEPS)
        labels = np.zeros(STEPS, dtype=int)
        if broken and name == "b":
            values[600:612] = 95
            labels[595:625] = 1
        for step in range(STEPS):
            stamp = str(np.datetime64("2024-01-01T00:00") + np.timedelta64(step, "h")).replace(
                "T", " "
            )
            lines.append(f"{name},{stamp},{values[step]:.3f},{labels[step]}")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    return make(folder / "good.csv", broken=False), make(folder / "broken.csv", seed=1)


@pytest.fixture(scope="module")
def model(files, tmp_path_factory):
    out = str(tmp_path_factory.mktemp("run") / "run")
    return package.train("anomaly", train=[files[0]], test=[files[1]], out=out, **TINY)


def test_it_finds_the_anomaly(model, files, capsys):
    report = model.report
    assert set(report["metrics"]) == set(TASK.metrics)
    assert report["metrics"]["recall"] == 1.0 and report["metrics"]["nab"] > 60
    assert report["alarms"]["windows"] == report["alarms"]["found"] == 1
    assert {"delay", "false_alarms", "false_alarms_a_day"} <= set(report["alarms"])
    assert (model.folder / "anomalies.png").read_bytes().startswith(b"\x89PNG")
    run = str(model.folder)
    capsys.readouterr()
    assert main(["predict", run, files[1]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "unique_id,ds,y,expected,score,anomaly" and len(lines) == 1 + 2 * STEPS
    assert lines[1].startswith("a,2024-01-01 00:00,")
    assert main(["evaluate", run, files[1], "--threshold", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["nab"] == 0  # no alarm at all
    assert main(["verify", run, files[1], "--json"]) == 0
    assert "no later value changes a score" in capsys.readouterr().out


def test_a_score_depends_on_the_past_alone(model, files):
    [_, record] = model.task.reader.read([files[1]])
    values = record.values.copy()
    values[500:] = 1e4
    later = as_labelled(replace(record.series, values=values, cached={}))
    for step in ("inputs", "targets", "mean", "scale"):
        one, two = (
            getattr(model.task.preprocessing.features(each), step)[:500] for each in (record, later)
        )
        assert np.array_equal(one, two, equal_nan=True)
    score = model.task.predictor.score
    assert np.allclose(
        score(model.network, record)[:500], score(model.network, later)[:500], atol=1e-5
    )
    prefix = as_labelled(record.series.until(500))
    assert np.allclose(score(model.network, record)[:500], score(model.network, prefix), atol=1e-5)


def test_labels_as_windows(model, files, tmp_path, capsys):
    table = "timestamp,value\n" + "".join(
        f"2024-01-01 {hour:02}:{minute:02}:00,{hour}\n" for hour in range(24) for minute in (0, 30)
    )
    (tmp_path / "cpu.csv").write_text(table)
    windows = {"real/cpu.csv": [["2024-01-01 10:00:00.000000", "2024-01-01 12:00:00.000000"]]}
    (tmp_path / "windows.json").write_text(json.dumps(windows))
    run = str(model.folder)
    flags = ["--labels", str(tmp_path / "windows.json"), "--json"]
    assert main(["evaluate", run, str(tmp_path / "cpu.csv"), *flags]) == 0
    assert json.loads(capsys.readouterr().out)["alarms"]["windows"] == 1
    for content, message in (
        ("[]", "not a file of windows"),
        ('{"disk.csv": []}', "has windows of disk, ..., but of none of the series (cpu)"),
        ('{"cpu.csv": [["2025-01-01 10:00", "2025-01-01 11:00"]]}', "is not in series 'cpu'"),
        ('{"cpu.csv": [["soon", "later"]]}', "'soon' is not a time stamp"),
    ):
        (tmp_path / "windows.json").write_text(content)
        assert main(["evaluate", run, str(tmp_path / "cpu.csv"), *flags]) == 2
        error = capsys.readouterr().err
        assert message in error and len(error.splitlines()) == 1


def test_what_cannot_be_learned_from(tmp_path):
    (tmp_path / "short.csv").write_text("ds,y\n1,1\n2,2\n")
    with pytest.raises(InputError, match="no series has 20 values; give longer ones"):
        package.train("anomaly", train=[str(tmp_path / "short.csv")], out=str(tmp_path / "run"))
    reader = TASK.create({}).reader
    with pytest.raises(InputError, match="short.csv:2: no series has a value after the 10 steps"):
        reader.read([str(tmp_path / "short.csv")])
    (tmp_path / "short.csv").write_text("ds,y\n" + "".join(f"{t},{t}\n" for t in range(39)))
    records = reader.read([str(tmp_path / "short.csv")], training=True)
    with pytest.raises(InputError, match="no series is long enough to hold out its end; give"):
        reader.hold_out(records, number=0, seed=1)
    (tmp_path / "short.csv").write_text("ds,y\n" + "".join(f"{t},{t}\n" for t in range(40)))
    records = reader.read([str(tmp_path / "short.csv")], training=True)
    trained, held = reader.hold_out(records, number=0, seed=1)
    assert [len(each.values) for each in (*trained, *held)] == [20, 20]  # ten of which are scored
    with pytest.raises(InputError, match="expected a list of numbers; got 'abc'"):
        reader.as_record("abc")
    with pytest.raises(InputError, match="give finite numbers"):
        reader.as_record([1.0, float("inf")])


def test_odd_series_get_scores(model):
    for values in ([3.0] * 200, [1.0, float("nan")] * 60, [5.0], list(range(30))):
        [answer] = model.predictions([values])
        assert np.isfinite(answer.scores).all() and len(answer.text.splitlines()) == len(values)


def test_running_moments_are_of_the_steps_before():
    values = np.array([1e8 + 1, 1e8 + 3, np.nan, 1e8 + 5, 1e8])
    mean, deviation = running_moments(values, 3)
    assert mean.tolist() == [1e8 + 1, 1e8 + 1, 1e8 + 2, 1e8 + 2, 1e8 + 4]
    assert deviation == pytest.approx([0, 0, 1, 1, 1])
    features = make_features(AnomalyOptions(), TimeSeries("a", np.arange(40.0)))
    assert np.isnan(features.targets[:10]).all() and features.inputs.shape == (40, 8)


def test_scores_and_alarms_by_hand():
    surprise = np.zeros(200)
    surprise[::2] = 1.0
    surprise[150] = 9.0
    scores = score_surprise(surprise, 1)
    assert scores.argmax() == 150 and scores[:50].max() == 0
    alarms = find_alarms(np.array([0.9, 0.95, 0.1, 0.9, 0.9]), 0.9, 2)
    assert alarms.tolist() == [True, False, False, True, False]
    found = [np.array([0.1, 0.5, 0.2, 0.9, 0.3])]
    assert choose_threshold(found, 0.2, 0) == 0.9 and choose_threshold(found, 0.4, 0) == 0.5
    assert choose_threshold(found, 0.01, 0) > 0.9
    assert choose_threshold([np.zeros(5)], 0.1, 0) == 1.0


def test_events_by_hand():
    labels = np.zeros(100, dtype=bool)
    labels[[*range(40, 50), *range(70, 80)]] = True
    record = as_labelled(TimeSeries("a", np.zeros(100), labels=labels))
    alarms = np.zeros(100, dtype=bool)
    alarms[[5, 42, 44, 60]] = True  # 5 is within the probation of 15
    assert probation_of(100) == 15
    counts = count_alarms(record, alarms)
    assert counts["precision"] == (1, 2, 2) and counts["recall"] == (1, 2, 2)
    assert counts["f1"] == (2, 3, 20)
    summary = summarise_alarms([record], [alarms])["alarms"]
    assert summary == {"windows": 2, "found": 1, "false_alarms": 1, "delay": 0.2}


def test_the_baselines_score_what_stands_out():
    values = np.tile([1.0, 2.0, 3.0, 2.0], 50)
    values[120] = 30
    for scorer in SCORERS.values():
        assert scorer(values).argmax() in (120, 121)


def test_the_likelihood_is_torchs():
    from ostinato.cells import CELLS

    model = PointForecaster(CELLS["gru"], 8, 4)
    values, location, scale = torch.tensor([0.3]), torch.tensor([0.1]), torch.tensor([0.7])
    student = torch.distributions.StudentT(2 + model.log_freedom.exp(), location, scale)
    found = model.surprise(values, location, scale)
    assert torch.allclose(found, -student.log_prob(values), atol=1e-6)
