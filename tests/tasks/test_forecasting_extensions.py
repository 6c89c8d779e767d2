"""Likelihoods of counts and quantiles, truncated BPTT, references, sample paths, streams, tables
from Python.
"""

import json

import numpy as np
import pytest
import torch

import ostinato as package
from ostinato.cli import main
from ostinato.errors import InputError
from ostinato.models.autoregressive_forecaster import AutoregressiveForecaster
from ostinato.models.path_forecasters import CountForecaster, negative_binomial
from ostinato.models.step_reader import StepReader
from ostinato.tasks.forecasting.forecast import SCORES
from ostinato.tasks.forecasting.page import write_page
from ostinato.tasks.forecasting.scenarios import draw_scores, follow_quantiles, rank_paths
from ostinato.tasks.forecasting.windows import perturb_future

TINY = {
    "hidden_size": 8,
    "epochs": 1.0,
    "least_steps": 0,
    "batch_size": 32,
    "horizon": 4,
    "season": 6,
    "epoch_windows": 200,
    "tensorboard": False,
}


def make(path, *, series=3, steps=60, seed=0, start=1):
    """Poisson counts with a season of 6."""
    random = np.random.default_rng(seed)
    lines = ["unique_id,ds,y"]
    for number in range(series):
        rate = 4 + 3 * np.sin(2 * np.pi * np.arange(steps) / 6)
        lines += [f"s{number},{start + t},{v}" for t, v in enumerate(random.poisson(rate))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return make(tmp_path_factory.mktemp("counts") / "counts.csv")


def train(file, out, **settings):
    return package.train("forecasting", train=[file], out=str(out), **{**TINY, **settings})


@pytest.fixture(scope="module")
def counts(file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "counts"
    return train(file, folder, likelihood="negative-binomial", paths=50)


@pytest.fixture(scope="module")
def direct(file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "direct"
    return train(file, folder, decoder="direct", reference="theta")


def test_the_negative_binomial_is_torchs():
    mean, dispersion = torch.tensor([0.5, 3.0, 40.0]), torch.tensor([0.2, 1.5, 0.01])
    values = torch.tensor([0.0, 7.0, 35.0])
    size = 1 / dispersion
    wanted = torch.distributions.NegativeBinomial(
        size, logits=(mean * dispersion).log(), validate_args=False
    )
    assert torch.allclose(
        negative_binomial(values, mean, dispersion), -wanted.log_prob(values), atol=1e-3
    )


def test_counts_are_whole_and_independent_of_the_batch(counts, file, capsys):
    assert isinstance(counts.network, CountForecaster)
    assert counts.task.options.scaling == "mean" and not counts.task.options.anchor
    assert main(["predict", str(counts.folder), file, "--samples", "3", "--level", "50"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "unique_id,ds,forecast,lo-50,hi-50,sample-1,sample-2,sample-3"
    drawn = np.array([line.split(",")[5:] for line in lines[1:]], dtype=float)
    assert drawn.shape == (12, 3) and (drawn >= 0).all() and (drawn == drawn.round()).all()
    records = counts.task.reader.read([file])
    predictor = counts.task.predictor
    together = predictor.predict(counts.network, records)
    for record, one in zip(records, together, strict=True):
        [alone] = predictor.predict(counts.network, [record])
        assert np.array_equal(alone.quantiles, one.quantiles)


def test_what_is_no_count_is_refused(tmp_path):
    (tmp_path / "half.csv").write_text("ds,y\n" + "".join(f"{t},{t / 2}\n" for t in range(1, 40)))
    with pytest.raises(InputError, match=r"half.csv:2: series 'y' has 0.5, which is not a count"):
        train(str(tmp_path / "half.csv"), tmp_path / "run", likelihood="negative-binomial")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decoder": "direct", "likelihood": "quantiles"}, "likelihood quantiles needs decoder"),
        ({"decoder": "segments", "bptt": 9}, "bptt needs decoder autoregressive"),
        ({"model": "theta", "reference": "theta"}, "reference theta: for networks that predict"),
    ],
)
def test_options_that_do_not_go_together(file, tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        train(file, tmp_path / "run", **settings)


def test_chunks_that_continue_give_the_loss_of_the_whole(file, tmp_path):
    model = train(file, tmp_path / "run", likelihood="quantiles", bptt=5, look_back=18, dropout=0.0)
    network, preprocessing = model.network, model.task.preprocessing
    assert isinstance(network, AutoregressiveForecaster) and network.numbers == len(SCORES)
    records = model.task.reader.read([file])
    batches = preprocessing.batches(records, batch_size=8, batch_tokens=None, seed=1)
    chunks = list(batches.epoch(0))
    assert len(batches) == len(chunks) and batches.chunks == -(-(18 + 4 - 1) // 5)
    assert [chunk.continues for chunk in chunks[:6]] == [False, True, True, True, True, False]
    assert all(
        torch.equal(one.inputs, two.inputs)
        for one, two in zip(batches.epoch(0, start=7), chunks[7:], strict=True)
    )
    whole = next(iter(batches.batches.epoch(0)))
    total, state = 0.0, None
    with torch.no_grad():
        for chunk in StepReader(network.reader.features, 18, 4, 6).split_window(whole, 5):
            loss = network.loss(chunk, state)
            total, state = total + float(loss.total), loss.state
        assert total == pytest.approx(float(network.loss(whole).total), rel=1e-4)


def test_a_reference_is_corrected_and_the_law_holds(direct, file):
    assert direct.network.share is not None and 0 <= float(direct.network.share) <= 1
    records = direct.task.reader.read([file])
    predictor = direct.task.predictor
    one = predictor.predict(direct.network, records)
    two = predictor.predict(direct.network, [perturb_future(record) for record in records])
    assert all(np.array_equal(a.quantiles, b.quantiles) for a, b in zip(one, two, strict=True))
    share = direct.network.share.clone()
    direct.network.share.fill_(0.0)
    points = predictor.predict(direct.network, records)[0].point
    direct.network.share.copy_(share)
    from ostinato.tasks.forecasting.statistical import forecast_points

    assert points == pytest.approx(forecast_points("theta", records[:1], 6)[0], rel=1e-4)


def test_a_stream_is_the_whole_series(direct, counts):
    for model in (direct, counts):
        values = [float(value) for value in range(1, 50)]
        stream = model.stream()
        assert stream.carries_state
        for value in values[:20]:
            stream(value)
        saved = stream.to_bytes()
        stream(99.0)
        stream.from_bytes(saved)
        stream(values[20:-1])
        assert stream(values[-1]) == model.predict([values])[0]
        assert stream(None) == model.predict([[*values, None]])[0]


def test_coverage_of_every_level_is_reported(direct, file, capsys):
    assert main(["evaluate", str(direct.folder), file, "--level", "50,90", "--windows", "3"]) == 0
    assert "in those of 50 %" in capsys.readouterr().out
    assert main(["evaluate", str(direct.folder), file, "--level", "50,90", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["calibration"]["coverage"]) == {"50", "90"}
    assert len(result["calibration"]["pinball"]) == len(SCORES)


def test_a_page_for_many_series(direct, file, tmp_path):
    page = str(tmp_path / "all.html")
    assert main(["predict", str(direct.folder), file, "--picture", page]) == 0
    text = (tmp_path / "all.html").read_text()
    assert text.count("<figure>") == 3 and "<script" not in text
    [record, *_] = direct.task.reader.read([file])
    [forecast] = direct.task.predictor.predict(direct.network, [record])
    from dataclasses import replace

    shown = write_page([record], [replace(forecast, name="<b>x")], "T").decode()
    assert "<b>x" not in shown and "&lt;b&gt;x" in shown


def test_paths_follow_the_quantiles():
    quantiles = np.stack([10 + 2 * SCORES, 50 + SCORES])
    scores = draw_scores(0.9, 2, 3000, (1,))
    assert np.corrcoef(scores.T)[0, 1] == pytest.approx(0.9, abs=0.03)
    values = follow_quantiles(quantiles, scores)
    assert values.mean(0) == pytest.approx([10, 50], abs=0.15)
    assert values.std(0) == pytest.approx([2, 1], rel=0.05)
    assert np.array_equal(draw_scores(0.9, 2, 5, (1,)), scores[:5])
    ranks = rank_paths(np.array([[3.0], [1.0], [2.0]]))
    assert ranks[1, 0] == -ranks[0, 0] and ranks[2, 0] == pytest.approx(0)


def test_the_horizon_that_nobody_gave_is_that_of_the_held_back_windows(tmp_path):
    days = np.arange("2024-01-01", "2024-07-01", dtype="datetime64[D]")
    days = days[np.is_busday(days)]
    rows = "".join(f"{day},{place % 5}\n" for place, day in enumerate(days))
    (tmp_path / "days.csv").write_text("ds,y\n" + rows)
    settings = {**TINY, "horizon": None, "season": None}
    model = package.train(
        "forecasting", train=[str(tmp_path / "days.csv")], out=str(tmp_path / "run"), **settings
    )
    assert model.task.options.horizon == 5 and len(model.report["by_step"]["mae"]) == 5


def test_tables_from_python(tmp_path):
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "unique_id": np.repeat(["a", "b"], 50),
            "ds": [*pandas.date_range("2024-01-01", periods=50)] * 2,
            "y": random.normal(size=100),
        }
    )
    model = package.train("forecasting", train=frame, out=str(tmp_path / "run"), **TINY)
    long = model.predict(frame)
    assert len(long) == 2 and long[1].startswith("b,2024-02-20")
    rows = frame.to_dict("records")
    assert model.predict(rows) == long
    assert model.evaluate(frame)["examples"] == 2


def test_lists_of_numbers_from_python(tmp_path):
    series = [list(range(40)), np.arange(30.0)]
    model = package.train("forecasting", train=series, out=str(tmp_path / "run"), **TINY)
    assert model.report["data"]["train"] == 2
    with pytest.raises(InputError, match="train:1: expected numbers, or dicts by column"):
        package.train("forecasting", train=[["a", "b"]], out=str(tmp_path / "no"), **TINY)


def test_unknown_static_covariates_are_said(tmp_path, capsys):
    rows = "".join(
        f"{name},{t},{t % 6},{town}\n" for name, town in (("a", "x"), ("b", "z")) for t in range(50)
    )
    (tmp_path / "towns.csv").write_text("unique_id,ds,y,town\n" + rows)
    train(str(tmp_path / "towns.csv"), tmp_path / "run", static_covariates="town")
    for town, message in (("", "town is missing"), ("q", "town 'q' was not in training")):
        (tmp_path / "new.csv").write_text(
            "unique_id,ds,y,town\n" + rows.replace(",x\n", f",{town}\n")
        )
        capsys.readouterr()
        assert main(["predict", str(tmp_path / "run"), str(tmp_path / "new.csv")]) == 0
        assert f"new.csv:2: series 'a': {message}; it is read as unknown" in capsys.readouterr().err
