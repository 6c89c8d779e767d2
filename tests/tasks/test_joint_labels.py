"""Network and baseline together: the weight, when it helps, and labels that one does not know."""

from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from ostinato.tasks.shared.joint_labels import (
    JointLabels,
    choose_weight,
    join_labels,
    label_log_probabilities,
    label_rows,
)


def log_probabilities(seed, number=2000):
    return np.log(np.random.default_rng(seed).uniform(0.05, 0.95, number))


def test_the_weight_is_that_of_the_highest_likelihood():
    own, other = log_probabilities(1), log_probabilities(2)
    chosen = choose_weight(own, other)
    tried = np.linspace(0.001, 0.999, 999)
    best = max(tried, key=lambda w: np.logaddexp(np.log(w) + own, np.log(1 - w) + other).sum())
    assert chosen.weight == pytest.approx(best, abs=0.002)
    assert chosen.helps
    assert choose_weight(other, own).weight == pytest.approx(1 - chosen.weight, abs=0.001)


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (np.full(500, -0.1), log_probabilities(1, 500) - 3),  # the network is better everywhere
        (np.zeros(0), np.zeros(0)),
    ],
)
def test_it_helps_only_where_that_is_significant(own, other):
    assert not choose_weight(own, other).helps


def test_too_few_labels_to_tell_give_both_the_same_weight():
    own, other = np.full(49, -0.1), np.full(49, -5.0)
    assert choose_weight(own, other) == (0.5, None)
    assert choose_weight(own, other).helps
    assert not choose_weight(np.append(own, own), np.append(other, other)).helps


def test_a_network_that_knows_nothing_leaves_the_answer_to_the_baseline():
    chosen = choose_weight(np.full(100, -np.inf), log_probabilities(3, 100))
    assert chosen.weight < 0.01
    assert chosen.helps


def test_labels_by_name():
    baseline = SimpleNamespace(
        labels=["c", "a"], probabilities=lambda records: [np.array([0.25, 0.75]) for _ in records]
    )

    def own(network, records):
        return [np.array([[0.2, 0.3, 0.5]]), np.zeros((1, 3))][: len(records)]

    joint = join_labels(nn.Identity(), baseline, 0.5)
    assert isinstance(joint, JointLabels)
    first, empty = label_rows(joint, ["x", ""], ["a", "b", "c"], own)
    np.testing.assert_allclose(first, [[0.475, 0.15, 0.375]])
    assert not empty.any()  # an input without steps has no answer
    assert label_rows(nn.Identity(), ["x"], ["a", "b", "c"], own)[0].tolist() == [[0.2, 0.3, 0.5]]
    without = SimpleNamespace(labels=())
    assert join_labels(nn.Identity(), without, 0.5) is None


def test_log_probabilities_of_the_truth():
    rows = [np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([[0.9, 0.1]])]
    found = label_log_probabilities(rows, [["b", "a"], ["unseen"]], ["a", "b"])
    np.testing.assert_allclose(np.exp(found), [0.75, 0.5])
    several = label_log_probabilities([rows[1]], [["a"]], ["a", "b"], several=True)
    np.testing.assert_allclose(np.exp(several), [0.9, 0.9])
