"""Areas under curves: close to the exact ones, classes left out, invalid inputs."""

from __future__ import annotations

import numpy as np
import pytest

from ostinato.metrics import auprc, auroc
from ostinato.metrics.interval import interval
from ostinato.metrics.score_histograms import BINS, assign_bins


def draw(seed, number, distance):
    random = np.random.default_rng(seed)
    true = random.random(number) < 0.3
    return 1 / (1 + np.exp(-(random.normal(0, 1.5, number) + distance * true - 1))), true


@pytest.mark.parametrize("distance", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_as_scikit_learn_says(distance, seed):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, true = draw(seed, 3000, distance)
    counts = auroc.count(scores[:, None], true[:, None])
    assert counts == auprc.count(scores[:, None], true[:, None])
    assert auroc.score(counts) == pytest.approx(metrics.roc_auc_score(true, scores), abs=1e-3)
    assert auprc.score(counts) == pytest.approx(
        metrics.average_precision_score(true, scores), abs=5e-3
    )


def test_exact_where_no_two_share_a_bin():
    metrics = pytest.importorskip("sklearn.metrics")
    odds = np.random.default_rng(0).permutation(np.arange(-11, 11, 0.2))
    scores, true = 1 / (1 + np.exp(-odds)), np.random.default_rng(1).random(len(odds)) < 0.4
    counts = auroc.count(scores[:, None], true[:, None])
    assert auroc.score(counts) == pytest.approx(metrics.roc_auc_score(true, scores))
    assert auprc.score(counts) == pytest.approx(metrics.average_precision_score(true, scores))


@pytest.mark.parametrize("spread", [0.01, 0.3, 1.5])
@pytest.mark.parametrize("seed", range(6))
def test_the_exact_area_is_within_the_error_of_the_binning(spread, seed):
    random = np.random.default_rng(seed)
    true = random.random(400) < 0.3
    scores = 1 / (1 + np.exp(-(random.normal(0, spread, 400) + spread * true)))
    counts = auroc.count(scores[:, None], true[:, None])
    pairs = scores[true][:, None] - scores[~true]  # [P, N]
    area = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    assert abs(auroc.score(counts) - area) <= auroc.binning_error(counts) + 1e-12
    ranked = true[np.argsort(-scores, kind="stable")]
    precision = (ranked.cumsum() / np.arange(1, len(ranked) + 1))[ranked].mean()
    assert abs(auprc.score(counts) - precision) <= auprc.binning_error(counts) + 1e-12
    each = [auroc.count([value], [kind]) for value, kind in zip(scores, true, strict=True)]
    low, high = interval(auroc, each)
    assert high - low >= 2 * min(auroc.binning_error(counts), 0.2)


def test_several_classes_weigh_the_same():
    one, other = auroc.count([[0.9], [0.1]], [[1], [0]]), auroc.count([[0.9], [0.1]], [[0], [1]])
    assert (auroc.score(one), auroc.score(other), auroc.score(one + other)) == (1.0, 0.0, 0.5)
    assert auroc.count([[0.9, 0.1]], [[1, 0]]) == auroc.count([0.9, 0.1], [1, 0])


def test_without_examples_of_both_kinds():
    assert auroc.score(auroc.count([[0.9], [0.2]], [[1], [1]])) == 0.5
    assert auprc.score(auprc.count([[0.9], [0.2]], [[1], [1]])) == 1.0
    assert auprc.score(auprc.count([[0.9], [0.2]], [[0], [0]])) == 0.0


def test_ties_count_half():
    assert auroc.score(auroc.count([[0.5]] * 4, [[1], [0], [1], [0]])) == 0.5


def test_bins():
    assert assign_bins([0.0, 1.0]).tolist() == [0, BINS - 1] and assign_bins([0.5])[0] == BINS // 2
    with pytest.raises(ValueError, match="a probability is between 0 and 1; got 1.5"):
        assign_bins([0.3, 1.5])
    with pytest.raises(
        ValueError, match="a probability for each class of the reference is needed; got 1 for 2"
    ):
        auroc.count([[0.5]], [[1, 0]])
