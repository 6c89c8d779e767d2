from __future__ import annotations

import math

import pytest

from ostinato.training.options import Options
from ostinato.training.schedule import (
    Schedule,
    count_halvings,
    count_plateaus,
    is_due,
    learning_rate,
)

PAPER = Options(optimizer="sgd", learning_rate=0.7, schedule="halve", epochs=7.5)


@pytest.mark.parametrize(
    ("epoch", "rate"),
    [
        (0, 0.7),
        (4.999, 0.7),
        (5, 0.35),
        (5.25, 0.35),
        (5.499, 0.35),
        (5.5, 0.175),
        (6, 0.0875),
        (6.5, 0.04375),
        (7, 0.021875),
        (7.499, 0.021875),
    ],
)
def test_the_seq2seq_papers_halving(epoch, rate):
    assert learning_rate(PAPER, step=1, epoch=epoch, fraction_done=epoch / 7.5) == rate


def test_halving_survives_epochs_added_up_from_fractions():
    options = Options(schedule="halve", halve_from=1, halve_every=0.1)
    assert [count_halvings(options, 1 + k / 10) for k in range(11)] == list(range(1, 12))


@pytest.mark.parametrize(
    ("schedule", "fraction", "share"),
    [
        ("constant", 0.9, 1),
        ("linear", 0, 1),
        ("linear", 0.25, 0.75),
        ("linear", 1, 0),
        ("linear", 1.5, 0),
        ("cosine", 0, 1),
        ("cosine", 0.5, 0.5),
        ("cosine", 1, 0),
        ("cosine", 1 / 3, 0.75),
    ],
)
def test_decay_over_the_run(schedule, fraction, share):
    options = Options(learning_rate=2.0, schedule=schedule)
    assert learning_rate(options, step=9, epoch=0, fraction_done=fraction) == pytest.approx(
        2 * share, abs=1e-12
    )


def test_decay_ends_at_the_final_rate():
    for schedule in ("linear", "cosine"):
        options = Options(learning_rate=2.0, schedule=schedule, final_rate=0.1)
        assert learning_rate(options, step=9, epoch=0, fraction_done=1) == pytest.approx(0.2)


@pytest.mark.parametrize(("step", "share"), [(1, 0.25), (2, 0.5), (4, 1), (5, 1)])
def test_warm_up(step, share):
    options = Options(learning_rate=2.0, warmup=4)
    assert learning_rate(options, step=step, epoch=0, fraction_done=0) == 2 * share


@pytest.mark.parametrize(
    ("warmup", "step", "share"), [(4, 2, 0.5), (4, 4, 1), (4, 16, 0.5), (0, 1, 1), (0, 100, 0.1)]
)
def test_inverse_square_root(warmup, step, share):
    options = Options(learning_rate=2.0, schedule="inverse-sqrt", warmup=warmup)
    assert learning_rate(options, step=step, epoch=0, fraction_done=0) == pytest.approx(2 * share)


@pytest.mark.parametrize(
    ("scores", "patience", "lowered"),
    [
        ([], 1, 0),
        ([1, 2, 3], 1, 0),
        ([1, 1], 1, 1),
        ([3, 2, 1], 1, 2),
        ([3, 2, 1], 2, 1),
        ([3, 2, 4, 3, 3], 2, 1),
        ([1, 2, 2, 2, 2, 2], 2, 2),
        ([-math.inf, -5], 1, 0),
    ],
)
def test_plateaus(scores, patience, lowered):
    assert count_plateaus(scores, patience) == lowered
    options = Options(
        learning_rate=1.0, schedule="plateau", plateau_patience=patience, decay_factor=0.1
    )
    assert learning_rate(
        options, step=1, epoch=1, fraction_done=0.5, scores=scores
    ) == pytest.approx(0.1**lowered)


@pytest.mark.parametrize(
    ("every", "before", "after", "due"),
    [
        (0.5, 0.4, 0.5, True),
        (0.5, 0.5, 0.9, False),
        (1, 0.9, 1.0, True),
        (1, 1.0, 1.1, False),
        (0.1, 0.29, 0.3, True),
        (0.25, 0.1, 0.9, True),
    ],
)
def test_is_due(every, before, after, due):
    assert is_due(every, before, after) == due


def test_every_evaluation_of_an_epoch_is_due_once():
    for steps in range(1, 40):
        epochs = [k / steps for k in range(2 * steps + 1)]
        due = [is_due(0.5, a, b) for a, b in zip(epochs, epochs[1:], strict=False)]
        assert sum(due) == (4 if steps > 1 else 2)


def test_a_time_limit_ends_the_schedule_before_the_epochs_do():
    schedule = Schedule(
        Options(learning_rate=1.0, schedule="linear", epochs=10),
        time_limit=100.0,
        seconds_before=75.0,
    )
    assert schedule.fraction_done(1.0) == pytest.approx(0.75, abs=0.01)
    assert schedule(1, 1.0) == pytest.approx(0.25, abs=0.01)
    assert schedule.fraction_done(9.0) == 0.9 and schedule(1, 9.0) == pytest.approx(0.1)
    assert not schedule.is_finished(1.0)
    schedule.seconds_before = 100.0
    assert schedule.is_finished(1.0)


def test_a_run_ends_with_its_epochs_or_its_patience():
    schedule = Schedule(Options(epochs=2.5, patience=2))
    assert not schedule.is_finished(2.4) and schedule.is_finished(2.5)
    schedule.scores += [5.0, 4.0]
    assert not schedule.is_finished(1.0)
    schedule.scores.append(3.0)
    assert schedule.is_finished(1.0)
    assert not Schedule(Options(), scores=[3.0, 2.0, 1.0, 0.0]).is_finished(1.0)
