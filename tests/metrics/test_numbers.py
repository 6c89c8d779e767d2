"""Accuracy and perplexity by hand, and what intervals and tests of significance refuse."""

import math

import numpy as np
import pytest

from ostinato.metrics import accuracy, bleu, exact_match, f1, perplexity, precision, recall
from ostinato.metrics.corpus import as_table, count_all
from ostinato.metrics.interval import interval
from ostinato.metrics.significance import paired_bootstrap, paired_randomisation


@pytest.mark.parametrize(
    "prediction, reference, expected",
    [
        ("cat", "cat", (1, 1)),
        ("cat", "dog", (0, 1)),
        (["D", "N"], ["D", "V"], (1, 2)),
        (("D",), ["D"], (1, 1)),
        ([], [], (0, 0)),
        (3, 3, (1, 1)),
    ],
)
def test_accuracy(prediction, reference, expected):
    assert accuracy.count(prediction, reference) == expected


def test_perplexity():
    assert perplexity.count(-math.log(8), 3) == (math.log(8), 3)
    assert perplexity.score((math.log(8), 3)) == pytest.approx(2)
    assert perplexity.count(1e-9, 3) == (0.0, 3)
    assert (
        perplexity.score((1e6, 3)) == math.inf == perplexity.score(perplexity.count(-math.inf, 2))
    )


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: accuracy.count(["D"], ["D", "N"]),
            "accuracy needs a label for each in the reference; got 1 for 2",
        ),
        (lambda: accuracy.score((0, 0)), "accuracy of no labels is undefined"),
        (lambda: perplexity.score((0.0, 0)), "perplexity of no tokens is undefined"),
        (lambda: perplexity.count(1.5, 2), "a log-probability is 0 or less; got 1.5"),
        (lambda: perplexity.count(math.nan, 2), "a log-probability is 0 or less; got nan"),
        (lambda: perplexity.count(-1.0, -2), "a number of tokens is 0 or more; got -2"),
        (lambda: as_table([(1, 2), (1,)]), "counts must be as many for each example; got 1 and 2"),
        (lambda: interval(accuracy, [(1, 1)], resamples=0), "resamples must be at least 1; got 0"),
        (lambda: interval(accuracy, [(1, 1)], level=95), "level must be between 0 and 1; got 95"),
        (
            lambda: paired_bootstrap(accuracy, [(1, 1)], [(1, 1), (0, 1)]),
            r"same examples, by the same metric; .* shapes \(1, 2\) and \(2, 2\)",
        ),
        (
            lambda: paired_randomisation(accuracy, [(1, 1)], []),
            "other must be those of at least one example; got none",
        ),
        (
            lambda: paired_randomisation(perplexity, [(math.inf, 1)], [(1, 1)]),
            "only finite scores can be compared; got inf and 2.7",
        ),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("share, number", [(0.7, 100), (0.02, 50), (0.97, 60), (0.5, 9)])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(share, number):
    """Near the ends of the range and of few examples, too."""
    random = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        right = random.random(number) < share
        low, high = interval(accuracy, [(int(one), 1) for one in right], resamples=300, seed=trial)
        hits += low <= share <= high
    assert hits / 200 >= 0.9


@pytest.mark.parametrize("metric", [accuracy, exact_match, f1, precision, recall])
def test_an_interval_at_the_end_of_the_range_has_a_width(metric):
    """0 of 9 right is not 0 .. 0: Wilson's interval is 0 .. 0.299."""
    one, other = {exact_match: ("x", "y"), f1: ([1, 0], [0, 1])}.get(metric, (["x"], ["y"]))
    low, high = interval(metric, count_all(metric, [other] * 9, [one] * 9))
    assert low == 0 and high == pytest.approx(0.2991, abs=1e-3)
    low, high = interval(metric, count_all(metric, [one] * 9, [one] * 9))
    assert low == pytest.approx(0.7009, abs=1e-3) and high == 1


def test_a_bleu_of_zero_has_an_interval():
    low, high = interval(bleu, count_all(bleu, ["a"] * 9, ["b"] * 9))
    assert low == 0 and 20 < high < 40


def test_of_one_example_an_unbounded_score_says_nothing():
    assert interval(perplexity, [(3.0, 2)]) == (1.0, math.inf)


def test_p_is_small_as_often_as_it_says_where_there_is_no_difference():
    random = np.random.default_rng(0)
    small = 0
    for trial in range(150):
        one, two = ([(int(right), 1) for right in random.random(80) < 0.6] for _ in range(2))
        small += paired_randomisation(accuracy, one, two, trials=300, seed=trial).p < 0.1
    assert small / 150 < 0.17


def test_examples_that_count_nothing_do_not_matter():
    assert (
        interval(accuracy, [(0, 0), (1, 2), (0, 1), (0, 0)])
        == interval(accuracy, [(1, 2), (0, 1)])
        != (1 / 3, 1 / 3)
    )
