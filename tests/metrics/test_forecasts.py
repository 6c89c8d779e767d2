"""Metrics of forecasts by hand."""

import math

import pytest

from ostinato.metrics import METRICS


def test_by_hand():
    assert METRICS["mase"].count([1, 2], [1, 4], 2.0) == (1.0, 2.0)
    assert METRICS["mase"].score((1.0, 2)) == 0.5
    assert METRICS["mase"].count([1], [2], 0.0) == (0.0, 0.0)
    assert math.isnan(METRICS["mase"].score((0.0, 0.0)))
    assert METRICS["smape"].count([1, 0], [3, 0]) == (100.0, 2.0)
    assert METRICS["mse"].count([1, 2], [1, 4]) == (4.0, 2.0)
    assert METRICS["coverage_80"].count(([0, 0], [2, 2]), [1, 3]) == (1.0, 2.0)
    assert METRICS["msis"].count(([0, 0], [2, 2]), [1, 3], 2.0) == (22.0, 2.0)
    assert METRICS["msis"].count(([0], [2]), [1], 0.0) == (0.0, 0.0)
    assert METRICS["crps"].count({0.5: [1.0, 2.0]}, [1.0, 4.0]) == (2.0, 2.0)


def test_crps_of_a_uniform_distribution():
    """Between 0 and 1, at the truth 0.5: the integral of (F(x) - 1{x > 0.5})^2 is 1/12."""
    levels = [(place + 0.5) / 500 for place in range(500)]
    total, _ = METRICS["crps"].count({level: [level] for level in levels}, [0.5])
    assert total == pytest.approx(1 / 12, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("mase", [1], "mase needs a forecast for each value; got 1 for 2"),
        ("smape", [1], "smape needs a forecast for each value"),
        ("mse", [1], "mse needs a forecast for each value"),
        ("crps", {0.5: [1]}, "crps needs a quantile for each value; got 1 for 2"),
        ("coverage_80", ([1], [1]), "coverage needs bounds for each value"),
        ("msis", ([1], [1]), "msis needs bounds for each value"),
    ],
)
def test_lengths_must_agree(name, given, message):
    with pytest.raises(ValueError, match=message):
        METRICS[name].count(given, [1, 2])
    if name not in ("mase", "msis"):
        with pytest.raises(ValueError, match="no (numbers|values)"):
            METRICS[name].score((0, 0))
