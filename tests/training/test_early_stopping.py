from __future__ import annotations

import pytest

from ostinato.training.early_stopping import evaluations_since_best, should_stop


@pytest.mark.parametrize(
    ("scores", "waited"), [([], 0), ([1], 0), ([1, 3, 2, 3], 2), ([3, 2, 1], 2), ([1, 2], 0)]
)
def test_evaluations_since_best(scores, waited):
    assert evaluations_since_best(scores) == waited


def test_it_stops_after_as_many_evaluations_without_improvement():
    assert should_stop([1, 3, 2, 3], 2)
    assert not should_stop([1, 3, 2, 3], 3)
    assert not should_stop([3, 2, 1], None)
    assert not should_stop([], 1)
