"""The estimators on texts, series and sentences, inside scikit-learn's own tools."""

import pickle
import random

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import ostinato
from ostinato.sklearn import Classifier, Forecaster, Regressor, Tagger

SMALL = {"hidden_size": 8, "dropout": 0.0, "learning_rate": 0.02}


def texts(count=60):
    chance = random.Random(0)
    labels = [chance.choice(["good", "bad"]) for _ in range(count)]
    words = {"good": ["fine", "lovely"], "bad": ["dull", "poor"]}
    return [f"a {chance.choice(words[each])} film {n}" for n, each in enumerate(labels)], labels


def test_texts_by_their_words():
    X, y = texts()
    model = Classifier(**SMALL, epochs=8, options={"minimum_count": 1, "embedding_size": 8})
    assert model.fit(X, y).score(X, y) == 1.0
    assert model.predict(["a lovely day", "poor stuff"]).tolist() == ["good", "bad"]
    rows = model.predict_proba(X[:3])
    assert rows.shape == (3, 2) and np.allclose(rows.sum(1), 1)
    assert list(model.classes_) == ["bad", "good"]
    with pytest.raises(ValueError, match="X holds rows of numbers, but fit was given texts"):
        model.predict([[1.0, 2.0]])


def waves(count=40, seed=0):
    """Sines of another length and phase each, slow (0) or quick (1)."""
    chance = np.random.default_rng(seed)
    y = np.arange(count) % 2
    lengths = chance.integers(20, 30, count)
    phases = chance.uniform(0, 6, count)
    return [
        np.sin(phase + (0.3 + 0.7 * label) * np.arange(length))
        for phase, label, length in zip(phases, y, lengths, strict=True)
    ], y


def test_series_of_unequal_length():
    X, y = waves()
    model = Classifier(cell="gru", **SMALL, epochs=25).fit(X, y)
    assert model.score(*waves(seed=1)) >= 0.9
    whole = model.predict_proba(X)
    assert np.array_equal(whole, np.concatenate([model.predict_proba([each]) for each in X]))


def test_the_same_seed_gives_the_same_model_and_pickles():
    X, y = waves(16)
    first = Classifier(**SMALL, epochs=2, random_state=3).fit(X, y)
    again = pickle.loads(pickle.dumps(clone(first).fit(X, y)))
    assert np.array_equal(first.predict_proba(X), again.predict_proba(X))


def test_a_grid_and_a_pipeline():
    X, y = waves(24)
    grid = GridSearchCV(Classifier(**SMALL, epochs=2), {"cell": ["gru", "rnn"]}, cv=2)
    assert grid.fit(X, y).best_params_["cell"] in ("gru", "rnn")
    table = np.stack([each[:20] for each in X])
    pipeline = make_pipeline(FunctionTransformer(np.tanh), Classifier(**SMALL, epochs=2))
    assert pipeline.fit(table, y).predict(table).shape == (24,)


def test_a_regressor_learns_the_mean_and_the_last_value():
    chance = np.random.default_rng(0)
    X = chance.normal(size=(80, 6, 2))
    y = np.stack([X[:, :, 0].sum(1), X[:, -1, 1]], 1)
    model = Regressor(cell="gru", hidden_size=16, dropout=0.0, learning_rate=0.01, epochs=60)
    assert model.fit(X, y).score(X, y) > 0.9
    assert model.predict(X[:3]).shape == (3, 2)
    assert model.fit(X, y[:, 0]).predict(X[:3]).shape == (3,)


SENTENCES = [["the", "dog", "runs"], ["a", "cat", "sleeps"]] * 10
TAGS = [["D", "N", "V"], ["D", "N", "V"]] * 10


def test_a_tagger():
    options = {"minimum_count": 1, "embedding_size": 8}
    model = Tagger(**SMALL, epochs=12, options=options).fit(SENTENCES, TAGS)
    assert model.classes_ == ["D", "N", "V"] and model.score(SENTENCES, TAGS) == 1.0
    assert model.predict([["the", "cat", "runs"]]) == [["D", "N", "V"]]


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ("a text", TAGS, "expected a list of sentences"),
        (["a text"], TAGS[:1], r"X\[0\]: expected a list of words; got 'a text'"),
        (SENTENCES[:1], [["D"]], r"y\[0\]: 1 tags for 3 words"),
        (SENTENCES, TAGS[:1], "inconsistent numbers of samples"),
    ],
)
def test_a_tagger_refuses(X, y, message):
    with pytest.raises(ValueError, match=message):
        Tagger().fit(X, y)


def test_a_forecaster():
    t = np.arange(80)
    series = [10 * k + np.sin(2 * np.pi * t / 8) for k in (1, 2, 3)]
    model = Forecaster(horizon=8, **{**SMALL, "hidden_size": 16}, epochs=20).fit(series)
    found = model.predict([each[:72] for each in series])
    assert found.shape == (3, 8)
    assert np.abs(found - np.stack([each[72:] for each in series])).mean() < 0.5
    low, high = model.predict_interval(series, level=80)
    assert low.shape == (3, 8) and (low <= high).all()
    assert model.score(series) > -1.0


def test_before_fit():
    for model, X in ((Tagger(), SENTENCES), (Forecaster(), [[1.0, 2.0]]), (Regressor(), [[1.0]])):
        with pytest.raises(NotFittedError):
            model.predict(X)


def test_unknown_names():
    with pytest.raises(AttributeError, match="no attribute 'Clusterer'"):
        ostinato.sklearn.Clusterer  # noqa: B018
