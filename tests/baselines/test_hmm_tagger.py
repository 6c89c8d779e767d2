"""A hidden Markov model against counts made by hand, and every tagging there is."""

import itertools
import json
import math

import pytest
import torch

from ostinato.baselines.hmm_tagger import (
    HmmTagger,
    MostFrequentTag,
    interpolate_transitions,
    log_likelihood,
    suffix_keys,
)

SENTENCES = [
    (["the", "dog", "barks"], ["D", "N", "V"]),
    (["the", "cat", "sleeps"], ["D", "N", "V"]),
    (["a", "dog", "sleeps", "."], ["D", "N", "V", "."]),
    (["they", "dog", "the", "cat"], ["P", "V", "D", "N"]),
    (["London", "sleeps"], ["N", "V"]),
]


@pytest.fixture
def model():
    return HmmTagger.fit(SENTENCES)


def test_counts(model):
    assert model.tags == ["D", "N", "V", ".", "P"]
    d, n, v, end = 0, 1, 2, -1
    assert (
        model.steps[d, n] == 4
        and model.steps[n, v] == 4
        and model.steps[end, d] == 3
        and model.steps[v, end] == 3
    )
    assert model.score("dog").exp().tolist() == pytest.approx([0, 2 / 5, 1 / 5, 0, 0])
    torch.testing.assert_close(
        model.transitions.exp().sum(1)[:3], torch.ones(3, dtype=torch.float64), atol=0.2, rtol=0
    )


def test_it_finds_the_likeliest_of_all_taggings(model):
    for words in (
        ["the", "dog", "sleeps", "."],
        ["they", "dog", "London"],
        ["a", "mouse", "creeps"],
        ["dog"],
    ):
        best = max(
            itertools.product(model.tags, repeat=len(words)),
            key=lambda tags: log_likelihood(model, words, tags),
        )
        found = model.tag([words])[0]
        assert log_likelihood(model, words, found) == pytest.approx(
            log_likelihood(model, words, best)
        )


def test_context_and_endings_decide(model):
    assert model.tag([["the", "dog"], ["they", "dog", "the", "dog"]]) == [
        ["D", "N"],
        ["P", "V", "D", "N"],
    ]
    assert model.tag([["the", "cat", "creeps"]]) == [
        ["D", "N", "V"]
    ]  # an unknown word that ends in s behind a noun
    assert (
        model.endings.score("creeps").argmax() == 2 and model.endings.score("Paris").argmax() == 1
    )  # a capital: like London
    assert suffix_keys("Oslo")[:3] == [("A", ""), ("A", "o"), ("A", "lo")] and suffix_keys("3rd")[
        0
    ] == ("0", "")


def test_nothing_and_everything_unknown(model):
    assert model.tag([]) == [] and model.tag([[], ["x", "?"], []])[::2] == [[], []]
    assert len(model.tag([["\u4e2d"] * 300])[0]) == 300
    assert log_likelihood(model, ["the"], ["V"]) == -math.inf


def test_one_by_one_is_all_together(model):
    sentences = [words for words, _ in SENTENCES] + [["unheard", "of"]]
    assert model.tag(sentences) == [model.tag([each])[0] for each in sentences]


def test_interpolation_gives_probabilities():
    steps = torch.tensor([[0.0, 3, 1], [2, 0, 2], [3, 1, 0]], dtype=torch.float64)
    assert (interpolate_transitions(steps) > 0).all()
    torch.testing.assert_close(
        interpolate_transitions(steps).sum(1), torch.ones(3, dtype=torch.float64), atol=0.02, rtol=0
    )


def test_most_frequent_tag():
    model = MostFrequentTag.fit([*SENTENCES, (["dog"], ["V"]), (["dog"], ["V"])])
    assert model.tag([["the", "dog", "mouse"], []]) == [["D", "V", "V"], []]


@pytest.mark.parametrize("kind", [HmmTagger, MostFrequentTag])
def test_saved_and_restored_it_answers_alike(kind):
    model = kind.fit(SENTENCES)
    restored = kind.from_dict(json.loads(json.dumps(model.to_dict())))
    sentences = [["the", "dog", "of", "London", "barks"]]
    assert restored.tag(sentences) == model.tag(sentences)


def test_damaged_or_missing_counts_are_refused():
    with pytest.raises(
        ValueError, match="a hidden Markov model needs tagged words to count; got none"
    ):
        HmmTagger.fit([([], [])])
    with pytest.raises(
        ValueError, match="the most frequent tag needs tagged words to count; got none"
    ):
        MostFrequentTag.fit([])
    with pytest.raises(
        ValueError, match="a saved hidden Markov model must have tags, steps and words"
    ):
        HmmTagger.from_dict({"tags": []})
    with pytest.raises(ValueError, match="saved most frequent tags must be {'words'"):
        MostFrequentTag.from_dict({"words": []})
