"""NAB's score by hand."""

import math

import pytest

from ostinato.metrics import nab


def sigmoid(x):
    return 2 / (1 + math.exp(5 * x)) - 1


def test_the_weights_of_steps():
    windows = [(10, 19)]
    assert nab.weigh_step(10, windows) == (0, 1.0)
    assert nab.weigh_step(19, windows) == (0, pytest.approx(sigmoid(-0.1) / sigmoid(-1)))
    assert nab.weigh_step(9, windows) == (None, -0.11)
    assert nab.weigh_step(20, windows) == (None, pytest.approx(0.11 * sigmoid(1 / 9)))
    assert nab.weigh_step(60, windows) == (None, -0.11)  # more than three widths after it


def test_counts_and_score():
    labels = [0] * 10 + [1] * 10 + [0] * 100
    alarms = [0] * 120
    assert nab.count(alarms, labels) == (0.0, 1.0) and nab.score((0.0, 1.0)) == 0.0
    alarms[10] = alarms[15] = 1  # the earlier of two alarms counts
    assert nab.count(alarms, labels) == (2.0, 1.0) and nab.score((2.0, 1.0)) == 100.0
    alarms[110] = 1
    assert nab.count(alarms, labels) == (pytest.approx(1.89), 1.0)
    assert nab.count(alarms, labels, 20) == (pytest.approx(-0.11), 1.0)
    assert nab.find_windows([1, 0, 1, 1]) == [(0, 0), (2, 3)]
    with pytest.raises(ValueError, match="nab needs an alarm for each label; got 1 for 2"):
        nab.count([1], [1, 0])
