"""Logistic regression on flattened sequences: linear cases, truncation, saving as tensors."""

import numpy as np

from ostinato.baselines import flattened_regression
from ostinato.baselines.flattened_regression import FlattenedRegression


def sequences(count=60):
    chance = np.random.default_rng(0)
    labels = np.arange(count) % 3
    return [
        chance.normal(size=(4, 2, 2)) + (label - 1) * np.array([0, 0, 3.0, 0])[:, None, None]
        for label in labels
    ], labels.tolist()


def test_it_learns_and_is_saved():
    x, labels = sequences()
    model = FlattenedRegression.fit(x, labels, classes=3, length=4)
    assert np.mean(np.array(model.answer(x)) == labels) > 0.9
    assert FlattenedRegression(**model.tensors()).answer(x) == model.answer(x)
    longer = [np.concatenate([one, one * 9]) for one in x]
    assert model.answer(longer) == model.answer(x)
    assert len(model.answer([one[:1] for one in x])) == 60


def test_what_is_too_large_is_left_alone(monkeypatch):
    monkeypatch.setattr(flattened_regression, "MOST_WEIGHTS", 10)
    assert FlattenedRegression.fit(*sequences(), classes=3, length=4) is None
