"""Naive forecasts by hand, Theta against a search over its squared errors, the linear map against
numpy.
"""

import numpy as np
import pytest
import torch

from ostinato.baselines import theta
from ostinato.baselines.linear_map import fit_linear_map
from ostinato.baselines.naive_forecasts import (
    drift_forecast,
    naive_forecast,
    seasonal_naive_forecast,
)


def test_naive_forecasts_by_hand():
    history = [np.array([1.0, 2.0, 4.0, 3.0])]
    assert naive_forecast(history, 2).tolist() == [[3, 3]]
    assert seasonal_naive_forecast(history, 3, 2).tolist() == [[4, 3, 4]]
    assert seasonal_naive_forecast(history, 2, 9).tolist() == [[3, 3]]
    assert drift_forecast(history, 2) == pytest.approx(np.array([[3 + 2 / 3, 3 + 4 / 3]]))
    assert drift_forecast([np.array([5.0])], 2).tolist() == [[5, 5]]


def line_through(values):
    """(start, slope) of the least squares line at times 1, 2, ...; a single value has no slope."""
    if len(values) < 2:
        return values[0], 0.0
    slope, start = np.polyfit(np.arange(1, len(values) + 1), values, 1)
    return start, slope


def forecast_one(values, level, alpha, weight):
    """The next value by the dynamic optimised Theta model, from the line through all before it."""
    start, slope = line_through(values)
    power = (1 - alpha) ** len(values)
    return level + weight * (power * start + (1 - power * (1 - alpha)) / alpha * slope)


def squared_error(values, alpha, first, weight):
    """The sum of squared one-step errors, step by step from the second value on, and the level."""
    level, total = alpha * values[0] + (1 - alpha) * first, 0.0
    for step in range(1, len(values)):
        total += (values[step] - forecast_one(values[:step], level, alpha, weight)) ** 2
        level = alpha * values[step] + (1 - alpha) * level
    return total, level


def test_theta_is_the_optimum_of_its_squared_errors(monkeypatch):
    monkeypatch.setattr(theta, "STEPS_FOR_THETA_2", 0)
    monkeypatch.setattr(theta, "SMOOTHING", np.array([0.4]))
    values = np.array([3.0, 4.0, 3.5, 5.0, 6.0, 5.5, 7.0, 6.5])
    best = min(
        (squared_error(values, 0.4, first, weight)[0], first, weight)
        for first in np.linspace(-10, 10, 201)
        for weight in np.linspace(0, 0.999, 100)
    )
    _, level = squared_error(values, 0.4, best[1], best[2])
    expected, longer = [], list(values)
    for _ in range(3):
        longer.append(forecast_one(np.array(longer), level, 0.4, best[2]))
        level = 0.4 * longer[-1] + 0.6 * level
        expected.append(longer[-1])
    assert theta.smooth_theta(values[None], 3)[0] == pytest.approx(np.array(expected), abs=0.05)


def test_a_line_and_a_constant_are_continued():
    line = theta.forecast_theta([np.arange(1.0, 21.0)], 3, 1)[0]
    assert 20 < line[0] < line[1] < line[2] < 24
    assert theta.forecast_theta([np.full(9, 4.0)], 2, 12) == pytest.approx(4.0)
    assert theta.forecast_theta([np.array([7.0])], 2, 12).tolist() == [[7, 7]]


@pytest.mark.parametrize("shift", [0.0, -30.0])
def test_seasons_are_taken_out_and_put_back(shift):
    season = np.tile([5.0, 20.0, 10.0, 5.0], 10) + shift
    found = theta.forecast_theta([season[:-1]], 5, 4)[0]
    assert found == pytest.approx(np.array([5, 5, 20, 10, 5]) + shift, abs=0.6)


def test_series_of_differing_length_are_as_alone():
    random = np.random.default_rng(0)
    histories = [10 + random.normal(size=size).cumsum() for size in (30, 50, 30)]
    together = theta.forecast_theta(histories, 4, 1)
    alone = np.concatenate([theta.forecast_theta([each], 4, 1) for each in histories])
    assert np.array_equal(together, alone)


def test_positive_series_stay_at_or_above_0():
    assert theta.forecast_theta([np.linspace(30, 0, 31)], 20, 1).min() == 0


def test_the_linear_map_is_the_least_squares_solution():
    random = np.random.default_rng(1)
    inputs, targets = random.normal(size=(200, 5)), random.normal(size=(200, 3))
    found = fit_linear_map([(inputs[:90], targets[:90]), (inputs[90:], targets[90:])], ridge=0)
    solution, *_ = np.linalg.lstsq(np.c_[inputs, np.ones(200)], targets, rcond=None)
    assert torch.allclose(found["weight"], torch.from_numpy(solution[:-1].T).float(), atol=1e-5)
    assert torch.allclose(found["bias"], torch.from_numpy(solution[-1]).float(), atol=1e-5)
