"""Forecasting from files to intervals: every model, every option, and the law of the future."""

import json
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

import ostinato as package
from ostinato import options as option_fields
from ostinato.cli import main
from ostinato.data.series.time_series import TimeSeries
from ostinato.errors import InputError
from ostinato.models.forecaster import LEVELS, MEDIAN
from ostinato.tasks.forecasting import TASK
from ostinato.tasks.forecasting.calibration import (
    choose_correction,
    conformal_quantile,
    measure_correction,
    measure_persistence,
    split_windows,
)
from ostinato.tasks.forecasting.forecast import Forecast, write
from ostinato.tasks.forecasting.scaling import measure_scale
from ostinato.tasks.forecasting.scores import judge
from ostinato.tasks.forecasting.windows import Window, Windows, evaluation_cuts, perturb_future

TINY = {
    "hidden_size": 12,
    "epochs": 3.0,
    "least_steps": 0,
    "batch_size": 32,
    "learning_rate": 0.01,
    "horizon": 6,
    "season": 12,
    "tensorboard": False,
    "warmup": 0,
    "average_checkpoints": 1,
}
CELL_MODELS = ("rnn", "gru", "lstm")


def make(path, *, series=4, steps=120, covariates=False, seed=0):
    """Waves of 12 steps with some noise, monthly; with covariates, a price that lowers the
    values.
    """
    random = np.random.default_rng(seed)
    lines = ["unique_id,ds,y" + ",price,rain,town" * covariates]
    for number in range(series):
        time = np.arange(steps)
        price = random.integers(0, 2, steps)
        values = 20 + 5 * number + 6 * np.sin(2 * np.pi * time / 12 + number)
        values = values + random.normal(size=steps) * 0.3 - 8 * price * covariates
        for step, value in enumerate(values):
            stamp = f"{1990 + step // 12}-{step % 12 + 1:02}-01"
            more = f",{price[step]},{random.random():.3f},{'ab'[number % 2]}" * covariates
            lines.append(f"s{number},{stamp},{value:.3f}{more}")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return make(tmp_path_factory.mktemp("series") / "waves.csv")


@pytest.fixture(scope="module")
def model(file, tmp_path_factory):
    return train(file, tmp_path_factory.mktemp("run") / "run", epochs=12.0)


def train(file, out, **settings):
    return package.train("forecasting", train=[file], out=str(out), **{**TINY, **settings})


def test_it_learns_and_is_loaded(model, file, capsys):
    report = model.report
    assert set(report["metrics"]) == set(TASK.metrics)
    assert report["metrics"]["mase"] < 1.3 and 0.5 < report["metrics"]["coverage_80"] <= 1
    names = {each["name"] for each in report["baseline"]["simpler"]}
    assert names == {"seasonal naive", "last value", "drift", "linear map"}
    assert report["verdict"].startswith("The model is")
    for picture in ("forecast.png", "errors.png"):
        assert (model.folder / picture).read_bytes().startswith(b"\x89PNG")
    again = package.load(model.folder)
    assert (
        again.evaluate([file])["metrics"] == package.load(model.folder).evaluate([file])["metrics"]
    )
    capsys.readouterr()
    assert main(["predict", str(model.folder), file, "--level", "50,80,99"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "unique_id,ds,forecast,lo-50,hi-50,lo-80,hi-80,lo-99,hi-99"
    assert len(lines) == 1 + 4 * 6 and lines[1].startswith("s0,2000-01-01,")
    values = np.array([line.split(",")[2:] for line in lines[1:]], dtype=float)
    point, low50, high50, low80, high80, low99, high99 = values.T
    for lower, upper in (
        (low99, low80),
        (low80, low50),
        (low50, point),
        (point, high50),
        (high50, high80),
        (high80, high99),
    ):
        assert (lower <= upper).all()


def test_rolling_origins(model, file, capsys):
    assert list(evaluation_cuts(100, 10, "3", None)) == [70, 80, 90]
    assert list(evaluation_cuts(100, 10, "all", None)) == list(range(1, 91))
    assert list(evaluation_cuts(100, 10, "4", 2)) == [84, 86, 88, 90]
    assert list(evaluation_cuts(25, 10, "9", None)) == [5, 15]
    run = str(model.folder)
    for flags, examples in (
        (["--windows", "3"], 12),
        (["--windows", "all", "--stride", "5"], None),
    ):
        assert main(["evaluate", run, file, *flags, "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert examples is None or result["examples"] == examples
        assert len(result["by_step"]["mae"]) == 6
        assert 0 < result["metrics"]["mase"] < 2
    assert result["examples"] > 40
    assert main(["evaluate", run, file, "--windows", "2"]) == 0
    assert "step ahead" in capsys.readouterr().out


def test_nothing_after_the_cut_changes_a_forecast(model, file, capsys):
    """Every later value, covariate and missing mark is changed, and the forecast has the same
    bits.
    """
    records = model.task.reader.read([file])
    later = [perturb_future(record) for record in records]
    assert not np.array_equal(later[0].future, records[0].future)
    predictor = model.task.predictor
    for one, other in zip(
        predictor.predict(model.network, records),
        predictor.predict(model.network, later),
        strict=True,
    ):
        assert np.array_equal(one.quantiles, other.quantiles)
    assert main(["verify", str(model.folder), file, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["passed"]
    assert any("nothing after the cut" in check["name"] for check in result["checks"])


@pytest.mark.parametrize("scale_over", ["window", "series"])
@pytest.mark.parametrize("scaling", ["mean", "standard", "robust", "log", "none"])
def test_the_law_holds_for_every_scaling(file, scaling, scale_over):
    task = TASK.create({"horizon": 6, "season": 12, "scaling": scaling, "scale_over": scale_over})
    records = task.reader.read([file], training=True)
    fitted = task.fit(records)
    window = Window.at(records[0].series, 80, 6)
    one = fitted.preprocessing.encoder.encode_window(window)
    other = fitted.preprocessing.encoder.encode_window(perturb_future(window))
    assert np.array_equal(one.inputs, other.inputs)
    assert (one.shift, one.scale) == (other.shift, other.scale)
    back = fitted.preprocessing.scaler.inverse(one.targets * one.scale + one.shift)
    assert back == pytest.approx(window.future, rel=1e-4)
    again = TASK.create(option_fields.to_dict(fitted.options)).restore(
        json.loads(json.dumps(fitted.preprocessing.to_dict()))
    )
    assert np.array_equal(again.preprocessing.encoder.encode_window(window).inputs, one.inputs)


@pytest.mark.parametrize("name", ["naive", "seasonal-naive", "drift", "theta", "linear"])
def test_every_simple_model_is_trained_saved_and_loaded(file, tmp_path, name):
    model = train(file, tmp_path / "run", model=name)
    result = package.load(tmp_path / "run").evaluate([file])
    assert result["metrics"]["mase"] < (
        2 if "seasonal" in name or name in ("theta", "linear") else 30
    )
    assert 0.4 < model.report["metrics"]["coverage_80"] <= 1  # from the errors on held-out windows
    beside = {each["name"]: each["metrics"] for each in result["baseline"]["simpler"]}
    if name == "naive":
        assert beside["last value"]["mae"] == pytest.approx(result["metrics"]["mae"], rel=1e-5)
    checks = {each["name"]: each for each in package.verify(model, [file], examples=3)}
    assert checks["nothing after the cut changes a forecast"]["passed"]


@pytest.mark.parametrize("decoder", ["segments", "direct", "autoregressive"])
@pytest.mark.parametrize("cell", CELL_MODELS)
def test_every_decoder(file, tmp_path, decoder, cell):
    model = train(file, tmp_path / "run", model=cell, decoder=decoder, epochs=1.0, paths=20)
    again = package.load(tmp_path / "run")
    values = list(range(40))
    assert again.predict([values]) == model.predict([values])
    assert again.task.options.cell == cell


def test_covariates_are_used_and_a_future_file_is_read(tmp_path, capsys):
    file = make(tmp_path / "shop.csv", covariates=True)
    settings = {
        "future_covariates": "price",
        "past_covariates": "rain",
        "static_covariates": "town",
        "epochs": 25.0,
        "decoder": "segments",
    }
    with_price = train(file, tmp_path / "with", **settings)
    without = train(file, tmp_path / "without", epochs=25.0, decoder="segments")
    assert with_price.report["metrics"]["mae"] < 0.75 * without.report["metrics"]["mae"]
    rows = [f"s{n},2000-{month:02}-01,{month % 2}" for n in range(4) for month in range(1, 7)]
    (tmp_path / "future.csv").write_text("unique_id,ds,price\n" + "\n".join(rows) + "\n")
    run = str(tmp_path / "with")
    capsys.readouterr()
    assert main(["predict", run, file]) == 2
    assert "no price for 2000-01-01, a step to predict" in capsys.readouterr().err
    assert main(["predict", run, file, "--future", str(tmp_path / "future.csv")]) == 0
    values = [float(line.split(",")[2]) for line in capsys.readouterr().out.splitlines()[1:7]]
    assert np.mean(values[0::2]) < np.mean(values[1::2]) - 3  # the price is 1 in odd months
    (tmp_path / "future.csv").write_text("unique_id,ds,price\n" + "\n".join(rows[:-1]) + "\n")
    assert main(["predict", run, file, "--future", str(tmp_path / "future.csv")]) == 2
    assert "'s3': no price for 2000-06-01" in capsys.readouterr().err


def test_calendar_features_are_known_in_the_future(tmp_path):
    lines = ["ds,y"]
    for day in range(730):
        stamp = np.datetime64("2022-01-01") + day
        weekend = (day + 5) % 7 >= 5  # 2022-01-01 was a Saturday
        lines.append(f"{stamp},{10 + 5 * weekend}")
    (tmp_path / "days.csv").write_text("\n".join(lines) + "\n")
    task = TASK.create({"horizon": 7, "look_back": 3})
    fitted = task.fit(task.reader.read([str(tmp_path / "days.csv")], training=True))
    assert fitted.preprocessing.calendar == ("day of week", "day of month")
    assert fitted.options.season == 7
    with pytest.raises(InputError, match="^calendar: the time stamps are not dates"):
        TASK.create({"calendar": True}).fit([Window.at(TimeSeries("a", np.arange(99.0)), 99, 12)])


def test_scenarios(model, file, tmp_path, capsys):
    out = tmp_path / "scenarios.csv"
    flags = ["--prompt", file, "--samples", "3", "--seed", "4"]
    assert main(["generate", str(model.folder), *flags, "--output", str(out)]) == 0
    lines = out.read_text().splitlines()
    assert lines[0] == "unique_id,ds,sample,value" and len(lines) == 1 + 3 * 4 * 6
    first = out.read_bytes()
    assert main(["generate", str(model.folder), *flags, "--output", str(out)]) == 0
    assert out.read_bytes() == first
    with pytest.raises(InputError, match="^prompt is needed"):
        model.generate()


def test_a_picture_of_the_forecasts(model, file, tmp_path, capsys):
    picture = str(tmp_path / "some.png")
    assert main(["predict", str(model.folder), file, "--picture", picture]) == 0
    assert (tmp_path / "some.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="^picture: expected a name that ends in .png or .html"):
        package.load(model.folder, picture="some.jpg")


def test_new_and_odd_series(model):
    new, short, constant, gaps = model.predictions(
        [list(range(50)), [5.0], [3.0] * 30, [1.0, float("nan")] * 20]
    )
    assert all(np.isfinite(each.quantiles).all() for each in (new, short, constant, gaps))
    assert len(short.point) == 6
    assert np.abs(constant.point - 3).max() < 30
    assert model.predict([[float("nan")] * 5]) == [""]
    with pytest.raises(InputError, match="expected a list of numbers; got 'abc'"):
        model.predict(["abc"])
    with pytest.raises(InputError, match="step 2 is inf; give finite numbers"):
        model.predict([[1.0, float("inf")]])


def test_windows_are_views():
    series = TimeSeries("a", np.arange(50.0))
    windows = Windows([series, series], [range(10, 14), range(20, 22)], 5)
    assert len(windows) == 6 and [window.cut for window in windows] == [10, 11, 12, 13, 20, 21]
    assert windows[4].cut == 20 and windows[-1].cut == 21
    assert np.shares_memory(windows[0].history, series.values)
    assert windows[0].future.tolist() == [10, 11, 12, 13, 14]
    with pytest.raises(IndexError):
        windows[6]


def test_scales():
    values = np.array([1.0, 3.0, np.nan])
    assert measure_scale("mean", values) == (0.0, 2.0)
    assert measure_scale("standard", values) == (2.0, 1.0)
    assert measure_scale("none", values) == (0.0, 1.0)
    assert measure_scale("standard", np.zeros(4)) == (0.0, 1.0)
    assert measure_scale("standard", np.full(4, 7.0)) == (7.0, 7.0)
    assert measure_scale("mean", np.zeros(0)) == (0.0, 1.0)


def test_conformal_corrections_give_the_coverage_that_they_say():
    random = np.random.default_rng(0)
    errors = np.repeat(random.normal(size=(4000, 3, 1)), len(LEVELS), 2)
    correction = measure_correction(errors)
    assert correction[:, MEDIAN].tolist() == [0, 0, 0]
    low, high = correction[0, LEVELS.index(0.1)], correction[0, LEVELS.index(0.9)]
    fresh = random.normal(size=20_000)
    assert ((low <= fresh) & (fresh <= high)).mean() == pytest.approx(0.8, abs=0.02)
    assert conformal_quantile(np.array([1.0]), 0.9) == 0.0
    ranks = np.cumsum(random.normal(size=(500, 20)), 1)
    ranks = 1 / (1 + np.exp(-ranks))
    assert measure_persistence(ranks) > 0.7 > 0.2 > measure_persistence(random.random((500, 20)))


def test_a_correction_that_does_not_hold_for_other_windows_is_taken_in_part():
    """Quantiles of N(0, 1) for values that are wider in the earlier windows: the correction of one
    half is wrong for the other. Point forecasts are corrected in full."""
    random = np.random.default_rng(0)
    names = ["a"] * 60 + ["b"] * 60
    later = split_windows(names)
    assert later.tolist() == ([False] * 30 + [True] * 30) * 2
    assert split_windows(["a", "b", "c"]).tolist() == [False, True, False]
    values = random.normal(size=(120, 10)) * np.where(later, 0.7, 1.3)[:, None]
    quantiles = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    for given, least, most in ((quantiles, 0, 0.5), (np.zeros(len(LEVELS)), 1, 1)):
        errors = values[..., None] - given
        whole, chosen = measure_correction(errors), choose_correction(errors, later)
        share = chosen[0, 0] / whole[0, 0]
        assert least <= share <= most and np.allclose(chosen, share * whole)


def test_intervals_between_and_beyond_the_levels():
    from statistics import NormalDist

    normal = NormalDist(10, 2)
    quantiles = np.array([[normal.inv_cdf(level) for level in LEVELS]])
    forecast = Forecast("a,b", replace_axis(), 3, quantiles, (80.0, 99.0))
    for level in (0.005, 0.1, 0.33, 0.5, 0.995):
        assert forecast.quantile(level)[0] == pytest.approx(normal.inv_cdf(level), abs=0.02)
    assert forecast.text.startswith('"a,b",4,10,')
    density = forecast.log_density(np.array([10.0]))[0]
    assert density == pytest.approx(np.log(normal.pdf(10)), abs=0.1)
    assert write(1234567.0) == "1234567" and write(0.00001) == "0.00001"


def replace_axis():
    from ostinato.data.series.time_series import PLAIN

    return replace(PLAIN)


def test_the_verdict_is_in_words():
    def verdict(score, high, naive):
        result = {"metrics": {"mase": score}, "intervals": {"mase": [0, high]}}
        simpler = [{"name": "last value", "metrics": {"mase": naive}}]
        return judge(result, {"name": "Theta", "metrics": {"mase": 9.0}, "simpler": simpler})

    assert "no better than the best simple method: mase 1.1 beside 1 of last value" in verdict(
        1.1, 2, 1.0
    )
    assert "hardly better" in verdict(0.95, 1.2, 1.0)
    assert "better than every simple method by 20.0%" in verdict(0.8, 0.9, 1.0)


def test_compare(file, tmp_path, capsys):
    arguments = [
        "--train",
        file,
        "--models",
        "seasonal-naive,theta,gru",
        "--out",
        str(tmp_path / "c"),
    ]
    few = ["--epochs", "1", "--least-steps", "0", "--horizon", "6", "--hidden-size", "8"]
    assert main(["compare", "forecasting", *arguments, *few, "--no-tensorboard"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("seasonal-naive", "theta", "gru"))
