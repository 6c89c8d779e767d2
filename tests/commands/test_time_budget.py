"""A time limit is the budget of a whole run: what is timed, and what gives way."""

import json
from types import SimpleNamespace

import pytest

import ostinato
from ostinato.commands.run import fit_to_time, time_budget
from ostinato.commands.run.forecast import Forecast, as_time_limit
from ostinato.commands.run.time_budget import TimeBudget, afford, take_part
from ostinato.data.text.corpus import Corpus
from ostinato.tasks import TASKS
from ostinato.training.options import Options
from ostinato.training.schedule import Schedule


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = SimpleNamespace(seconds=0.0)
    fake = SimpleNamespace(perf_counter=lambda: now.seconds, process_time=lambda: 2.0)
    monkeypatch.setattr(time_budget, "time", fake)
    return now


def work_of(clock, seconds):
    """Work that takes `seconds` a record."""

    def work(part):
        clock.seconds += seconds * len(part)

    return work


@pytest.mark.parametrize(
    ("seconds", "affordable"),
    [(0.001, 1000), (0.1, 100), (1.0, 50)],  # all; a part; never fewer than 50
)
def test_how_many_records_a_share_of_the_time_is_enough_for(clock, seconds, affordable):
    cost = afford(list(range(1000)), work_of(clock, seconds), most=10.0, timing=0.05)
    assert cost.records == affordable
    assert cost.seconds == pytest.approx(affordable * seconds)


def test_a_part_of_a_list_is_spread_and_of_a_text_the_beginning():
    assert take_part(list(range(10)), 5) == [0, 2, 4, 6, 8]
    assert take_part(list(range(10)), None) == take_part(list(range(10)), 20) == list(range(10))
    text = take_part(Corpus.from_lines(["a", "b", "c"]), 2)
    assert [line.text for line in text] == ["a", "b"]


def test_the_training_ends_early_enough_for_the_test():
    budget = TimeBudget(
        100.0, evaluation_seconds=5.0, test_seconds=10.0, baseline_seconds=3.0, closing_seconds=2.0
    )
    assert budget.reserve == 25.0
    schedule = Schedule(Options(epochs=1000.0), 100.0, 74.0, reserve=budget.reserve)
    assert not schedule.is_finished(0.1)
    schedule.seconds_before = 75.0
    assert schedule.is_finished(0.1)
    assert TimeBudget().reserve == 0.0


def test_evaluations_take_a_seventh_of_the_time_at_most_and_there_are_some():
    budget = TimeBudget(100.0, evaluation_seconds=2.0)
    assert not budget.is_evaluation_due(True, 13.0)
    assert budget.is_evaluation_due(True, 15.0)
    assert not budget.is_evaluation_due(False, 11.0)  # an eighth of the time is not over
    assert budget.is_evaluation_due(False, 15.0)
    budget.note_evaluation(20.0, 1.0)
    assert not budget.is_evaluation_due(True, 26.0)
    assert budget.is_evaluation_due(True, 28.0)
    unlimited = TimeBudget(evaluation_seconds=2.0)
    assert unlimited.is_evaluation_due(True, 0.0)
    assert not unlimited.is_evaluation_due(False, 1000.0)


@pytest.mark.parametrize(
    ("step_seconds", "members", "hidden_size"),
    [(0.01, 4, 200), (0.5, 2, 200), (1.0, 1, 200), (20.0, 1, 100)],
)
def test_networks_then_sizes_give_way(monkeypatch, step_seconds, members, hidden_size):
    def time_step(task, *_):
        size = task.options.members / 4 * task.options.hidden_size / 200
        return step_seconds * size

    monkeypatch.setattr(fit_to_time, "time_step", time_step)
    task = TASKS["classification"].create({"members": 4})
    found, options = fit_to_time.fit_to_time(
        task,
        range(80),
        Options(epochs=10.0, warmup=500),
        given=(),
        seconds=160.0,
        device="cpu",
    )
    assert (found.options.members, found.options.hidden_size) == (members, hidden_size)
    assert options.warmup <= 160 / step_seconds * 4 / members * 200 / hidden_size / 10
    asked, _ = fit_to_time.fit_to_time(
        task,
        range(80),
        Options(epochs=10.0),
        given=("members", "hidden_size"),
        seconds=160.0,
        device="cpu",
    )
    assert asked.options == task.options


def test_a_busy_processor_is_seen(clock):
    assert time_budget.measure_slowness(2.0) == 1.0
    assert time_budget.measure_slowness(6.0) == 3.0
    assert time_budget.measure_slowness(1000.0) == 5.0


@pytest.mark.parametrize(("name", "number"), [("classification", 2000), ("translation", 1000)])
def test_the_baseline_is_fitted_to_what_there_is_time_for(clock, name, number):
    fitted = []

    def fit(records):
        fitted.append(len(records))
        clock.seconds += 0.01 * len(records)

    made = TASKS[name].create({})
    task = SimpleNamespace(fit_baseline=fit, options=made.options, predictor=made.predictor)
    time_budget.fit_baseline(task, list(range(8000)), limit=None)
    time_budget.fit_baseline(task, list(range(8000)), limit=100.0)
    time_budget.fit_baseline(task, list(range(1000)), limit=0.1)
    assert fitted == [8000, 500, number, 1000]


def test_a_forecast_is_said_once():
    forecast = Forecast(10.0, 0.0)
    lines = [forecast(SimpleNamespace(seconds=1.0, epoch=0.01 * step)) for step in range(1, 8)]
    assert lines[:3] == [""] * 3
    assert lines[3].startswith("about 17 min for 10 epochs of 100 steps; --time-limit")
    assert lines[4:] == [""] * 3
    short = Forecast(1.0, 0.0)
    assert not any(short(SimpleNamespace(seconds=2.0, epoch=step / 8)) for step in range(1, 9))


@pytest.mark.parametrize(
    ("seconds", "limit"),
    [(3, "10s"), (55, "60s"), (61, "2m"), (601, "15m"), (3601, "90m"), (40000, "12h")],
)
def test_a_time_limit_that_is_enough(seconds, limit):
    assert as_time_limit(seconds) == limit


def test_resumed_with_a_time_limit_counts_from_now(tmp_path):
    settings = {"out": str(tmp_path / "run"), "hidden_size": 8, "embedding_size": 6}
    settings |= {"unit": "word", "vocabulary_size": 200, "beam": 1, "tensorboard": False}
    first = ostinato.train("translation", time_limit="1s", epochs=10000, **settings)
    again = ostinato.train("translation", time_limit="2s", resume=True, out=settings["out"])
    assert again.report["seconds"] > first.report["seconds"] > 0
    plan = json.loads((tmp_path / "run/training/plan.json").read_text())
    assert plan["time_limit"] > 2
