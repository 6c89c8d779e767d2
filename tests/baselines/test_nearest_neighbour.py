"""The nearest neighbour answers as a search by hand does, and survives JSON."""

import json

import numpy as np
import pytest

from ostinato.baselines.nearest_neighbour import NearestNeighbour


def test_the_nearest_answers():
    known = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float16)
    asked = np.random.default_rng(1).normal(size=(300, 7)).astype(np.float16)
    model = NearestNeighbour(known, [str(place) for place in range(50)])
    distances = ((asked[:, None].astype(float) - known.astype(float)) ** 2).sum(-1)
    assert model.answer(asked) == [str(place) for place in distances.argmin(1)]
    assert model.answer(known) == model.answers
    again = NearestNeighbour.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again.answer(asked) == model.answer(asked)
    assert NearestNeighbour([[1.0], [1.0]], ["a", "b"]).answer([[1.0]]) == ["a"]


def test_refused():
    with pytest.raises(
        ValueError,
        match=r"vectors must be \[N, D\] with an answer each; got \[2, 1\] and 1 answers",
    ):
        NearestNeighbour([[1.0], [2.0]], ["a"])
    with pytest.raises(ValueError, match="nearest neighbour: not what was saved"):
        NearestNeighbour.from_dict({})
