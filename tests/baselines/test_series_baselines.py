"""Baselines of series: distances by their definition, ridge by scikit-learn, both learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ostinato.baselines.class_sample import sample_classes
from ostinato.baselines.random_convolutions import (
    RandomConvolutions,
    compute_shares,
    fit_random_convolutions,
)
from ostinato.baselines.ridge import STRENGTHS, choose_sharpness, fit_ridge
from ostinato.baselines.warped_neighbours import (
    WarpedNeighbours,
    fit_warped_neighbours,
    resample,
    warped_distances,
)
from ostinato.data.batching.batch import Batch


def series_of_two_kinds(number: int, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """A bump or a dip somewhere in noise, of different lengths."""
    random = np.random.default_rng(seed)
    classes = np.arange(number) % 2
    series = []
    for each in classes:
        values = random.normal(0, 0.3, (random.integers(30, 41), 1))
        place = random.integers(5, 20)
        values[place : place + 6] += 3.0 * (1 if each else -1)
        series.append(values.astype(np.float32))
    return series, classes


def warp_by_definition(one: np.ndarray, other: np.ndarray, window: int) -> float:
    total = np.full((len(one) + 1, len(other) + 1), np.inf)
    total[0, 0] = 0
    for i in range(len(one)):
        for j in range(len(other)):
            if abs(i - j) <= window:
                total[i + 1, j + 1] = ((one[i] - other[j]) ** 2).sum() + min(
                    total[i, j + 1], total[i + 1, j], total[i, j]
                )
    return float(np.sqrt(total[-1, -1]))


@pytest.mark.parametrize("window", [0, 1, 2, 5, 8])
def test_warped_distance_by_definition(window):
    torch.manual_seed(0)
    queries, templates = torch.randn(3, 9, 2), torch.randn(4, 9, 2)
    wanted = [
        [warp_by_definition(one.numpy(), other.numpy(), window) for other in templates]
        for one in queries
    ]
    found = warped_distances(queries, templates, window)
    assert np.allclose(found.numpy(), wanted, atol=1e-4)


def test_ridge_is_scikit_learns():
    linear_model = pytest.importorskip("sklearn.linear_model")
    random = np.random.default_rng(0)
    for shape in ((30, 80), (80, 30)):  # more features than examples, and fewer
        x = random.normal(size=shape)
        classes = (x[:, :3] + random.normal(0, 1, (shape[0], 3))).argmax(1)
        standard = (x - x.mean(0)) / x.std(0)
        theirs = linear_model.RidgeClassifierCV(alphas=STRENGTHS).fit(standard, classes)
        ours = fit_ridge(x, classes, 3)
        found = x @ ours.coefficients + ours.intercepts
        assert np.allclose(found, theirs.decision_function(standard), atol=1e-4)
    # what is left out is scored by the others alone
    kept = np.arange(len(x)) != 5
    direct = linear_model.RidgeClassifier(alpha=theirs.alpha_).fit(standard[kept], classes[kept])
    assert np.allclose(ours.left_out[5], direct.decision_function(standard[5:6])[0], atol=1e-6)


def test_sharper_scores_where_they_are_right():
    scores = np.array([[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]])
    assert choose_sharpness(scores, np.array([0, 1, 0, 1])) == pytest.approx(10)
    assert choose_sharpness(scores, np.array([0, 1, 1, 1])) < 1


@pytest.mark.parametrize("kind", ["random-convolutions", "nearest-neighbour"])
def test_series_baselines_learn_and_need_no_padding(kind):
    series, classes = series_of_two_kinds(40)
    tests, truth = series_of_two_kinds(20, seed=1)
    if kind == "nearest-neighbour":
        parts = fit_warped_neighbours(series, classes, 2)
        network = WarpedNeighbours([np.shape(part) for part in parts], 2)
    else:
        parts = fit_random_convolutions(series, classes, 2)
        network = RandomConvolutions([np.shape(part) for part in parts])
    network.put(*parts)
    assert float(parts.right) >= 0.9

    def answer(rows):
        lengths = torch.tensor([len(row) for row in rows])
        inputs = torch.nn.utils.rnn.pad_sequence(list(map(torch.from_numpy, rows)), True)
        return network.probabilities(Batch(inputs, lengths))

    found = answer(tests)
    assert (found.argmax(1).numpy() == truth).mean() >= 0.9
    assert torch.allclose(found.sum(1), torch.ones(20))
    assert torch.allclose(found[3:4], answer(tests[3:4]), atol=1e-5)  # padded = unpadded


def test_short_series_have_features():
    shares = compute_shares(
        torch.randn(2, 1, 1),
        torch.tensor([1, 1]),
        torch.ones(1),
        torch.ones(1, 84, 1),
        torch.zeros(1, 84, 2),
    )
    assert shares.shape == (2, 168) and set(shares.unique().tolist()) <= {0.0, 1.0}


def test_templates_of_every_class():
    classes = np.array([0] * 90 + [1] * 10)
    kept = sample_classes(classes, 20)
    assert np.bincount(classes[kept]).tolist() == [18, 2]
    in_turn = np.arange(100) % 5
    assert np.bincount(in_turn[sample_classes(in_turn, 20)]).tolist() == [4] * 5
    assert resample(torch.tensor([[0.0], [1.0]]), 3).flatten().tolist() == [0, 0.5, 1]
