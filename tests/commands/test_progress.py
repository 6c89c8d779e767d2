"""Progress where there is no bar: plain lines at growing intervals."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ostinato.commands.run import progress
from ostinato.commands.run.progress import PlainLines, TrainingProgress, describe_seconds


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_lines_come_at_growing_intervals(clock, capsys):
    lines, shown = PlainLines(), []
    for second in range(4000):
        clock[0] = float(second)
        lines.show("on")
        if capsys.readouterr().err:
            shown.append(second)
    assert shown[:4] == [10, 15, 23, 34] and len(shown) == 15


def test_a_long_run_says_how_far_it_is(clock, capsys):
    step = SimpleNamespace(epoch=0.5, step=70, loss=1.25, gradient_norm=1.0, tokens=9, seconds=0.1)
    with TrainingProgress("accuracy") as bar:
        bar.update(0.1, step)
        bar.show_score(step, 0.75, 0.8)
        assert capsys.readouterr().err == ""  # short runs stay silent
        clock[0] = 75.0
        bar.update(0.25, step)
    assert capsys.readouterr().err == (
        "1m15s: 25% done, epoch 0.50, step 70, loss 1.250, dev accuracy 0.75 (best 0.8)\n"
    )


def test_seconds_for_people():
    assert [describe_seconds(each) for each in (9.6, 75, 3725)] == ["10s", "1m15s", "1h02m"]


def test_notebooks_have_bars(monkeypatch):
    monkeypatch.setattr(progress.CONSOLE, "is_jupyter", True)
    assert progress.shows_bars() and not TrainingProgress("f1").bar.disable
