"""The laws of all metrics. A new one is tested by being registered and given examples here."""

import math

import numpy as np
import pytest

from ostinato.metrics import METRICS
from ostinato.metrics.corpus import add_up, corpus_score, count_all
from ostinato.metrics.interval import interval
from ostinato.metrics.significance import paired, paired_bootstrap, paired_randomisation

REFERENCES = [
    "the cat sat on the mat .",
    "a man in a red hat",
    "zwei Hunde spielen im Schnee",
    "no",
    "it rains today",
]
SENTENCES = [
    "the cat sat on a mat .",
    "a man with a hat",
    "zwei Hunde im Schnee",
    "",
    "it rains and rains today",
]
SPANS = ([["a"], ["b", "c"], [], ["d"]], [["a"], ["b"], ["z"], ["d"]], [["a"], ["b"], ["z"], ["d"]])
RANKED = ([[0.7], [0.75], [0.4], [0.3]], [[1], [0], [1], [0]])
# name -> (predictions, references, perfect predictions for the same references, worse predictions)
EXAMPLES = {
    "accuracy": (
        [["D", "N"], ["V"], "x", []],
        [["D", "V"], ["V"], "x", []],
        [["D", "V"], ["V"], "x", []],
        [["N", "N"], ["N"], "y", []],
    ),
    "bits_per_character": (
        [-3.5, -0.2, -12.0, -7.25],
        [3, 1, 4, 2],
        [0.0] * 4,
        [-9.0, -9.0, -99.0, -9.0],
    ),
    "auprc": (*RANKED, [[0.9], [0.1], [0.8], [0.05]], [[0.1], [0.9], [0.2], [0.95]]),
    "auroc": (*RANKED, [[0.9], [0.1], [0.8], [0.05]], [[0.1], [0.9], [0.2], [0.95]]),
    "bleu": (SENTENCES, REFERENCES, REFERENCES, [""] * 5),
    "calibration_error": (
        [0.9, 0.4, 0.7, 0.65],
        [True, False, False, True],
        [1.0, 0.0, 0.0, 1.0],
        [0.0, 1.0, 1.0, 0.0],
    ),
    "cer": (SENTENCES, REFERENCES, REFERENCES, [""] * 5),
    "chrf": (SENTENCES, REFERENCES, REFERENCES, [""] * 5),
    "exact_match": (
        ["a cat", "a dog", "flag: Japan"],
        [["the cat", "a cat"], "the dog", "flag: Japan"],
        ["the cat", "the dog", "flag:  Japan"],
        ["", "x", "flag"],
    ),
    "f1": (
        [[1, 0], [0, 1], [0, 1], [1, 0]],
        [[1, 0], [0, 1], [1, 0], [0, 1]],
        [[1, 0], [0, 1], [1, 0], [0, 1]],
        [[0, 1], [1, 0], [0, 1], [1, 0]],
    ),
    "mae": ([4, [1, 2], 3.5, 2], [5, [1, 2], 3, 2], [5, [1, 2], 3, 2], [1, [4, 4], 9, 9]),
    "nll_per_step": (
        [-3.5, -0.2, -12.0, -7.25],
        [3, 1, 4, 2],
        [0.0] * 4,
        [-9.0, -9.0, -99.0, -9.0],
    ),
    "perplexity": ([-3.5, -0.2, -12.0, -7.25], [3, 1, 4, 2], [0.0] * 4, [-9.0, -9.0, -99.0, -9.0]),
    "precision": (*SPANS, [["y"]] * 4),
    "recall": (*SPANS, [[]] * 4),
    "wer": (SENTENCES, REFERENCES, REFERENCES, [""] * 5),
}


@pytest.fixture(params=METRICS)
def metric(request):
    return METRICS[request.param]


@pytest.fixture
def examples(request, metric):
    return EXAMPLES[request.node.callspec.params["metric"]]


def test_every_metric_has_examples_here():
    assert set(EXAMPLES) == set(METRICS)


def test_it_says_what_it_is(metric):
    assert metric.__doc__ and metric.count.__doc__
    assert isinstance(metric.higher_is_better, bool)
    assert metric.bounds[0] < metric.bounds[1]


def test_counts_are_tuples_of_numbers_of_one_length(metric, examples):
    counts = [metric.count(*pair) for pair in zip(examples[0], examples[1], strict=True)]
    assert all(isinstance(count, tuple) and len(count) == len(counts[0]) for count in counts)
    assert all(math.isfinite(number) for count in counts for number in count)


def test_counts_add_up(metric, examples):
    """Counts of parts sum to those of the whole corpus, in any order."""
    counts = count_all(metric, *examples[:2])
    whole = corpus_score(metric, counts)
    parts = np.array([add_up(counts[:2]), add_up(counts[2:])])
    assert corpus_score(metric, parts) == pytest.approx(whole)
    assert corpus_score(metric, counts[::-1]) == pytest.approx(whole)
    assert corpus_score(metric, np.concatenate([counts, counts])) == pytest.approx(whole)
    assert isinstance(whole, float)


def test_scores_lie_between_the_bounds_and_perfect_is_best(metric, examples):
    predictions, references, perfect, worse = examples
    scores = [
        corpus_score(metric, count_all(metric, given, references))
        for given in (worse, predictions, perfect)
    ]
    assert all(metric.bounds[0] <= score <= metric.bounds[1] for score in scores)
    assert scores == sorted(scores, reverse=not metric.higher_is_better)
    assert scores[2] == pytest.approx(
        metric.bounds[1] if metric.higher_is_better else metric.bounds[0]
    )


@pytest.mark.parametrize("number", [1, 2, 4])
def test_the_interval_holds_the_score(metric, examples, number):
    counts = count_all(metric, examples[0][:number], examples[1][:number])
    low, high = interval(metric, counts)
    assert metric.bounds[0] <= low <= corpus_score(metric, counts) <= high <= metric.bounds[1]
    assert (low, high) == interval(metric, counts, seed=1)
    narrow = interval(metric, counts, level=0.5)
    assert low <= narrow[0] <= narrow[1] <= high


def test_more_examples_make_the_interval_narrower(metric, examples):
    counts = count_all(metric, *examples[:2])
    few, many = (
        interval(metric, np.tile(counts, (2, 1))),
        interval(metric, np.tile(counts, (200, 1))),
    )
    assert many[1] - many[0] < few[1] - few[0]


def test_significance(metric, examples):
    """Equal systems: p is 1. A clear difference: p is small, and the sign is right."""
    predictions, references, perfect, _ = examples
    found, best = (
        np.tile(count_all(metric, given, references), (20, 1)) for given in (predictions, perfect)
    )
    for test in (paired_randomisation, lambda *both: paired_bootstrap(*both)[0]):
        assert test(metric, found, found)[2:] == (0.0, 1.0)
        comparison = test(metric, best, found)
        assert comparison.p < 0.05
        assert (comparison.difference > 0) == metric.higher_is_better
        assert comparison.difference == comparison.score - comparison.other_score
    assert paired(metric, best, found) == paired_randomisation(metric, best, found).p


def test_different_lengths_and_no_examples_are_refused(metric, examples):
    predictions, references = examples[:2]
    with pytest.raises(
        ValueError,
        match=rf"as many predictions as references are needed; got {len(references) - 1} ",
    ):
        count_all(metric, predictions[1:], references)
    with pytest.raises(ValueError, match="must be those of at least one example; got none"):
        count_all(metric, [], [])
    for test in (interval, corpus_score):
        with pytest.raises(ValueError, match="must be those of at least one example; got none"):
            test(metric, [])
