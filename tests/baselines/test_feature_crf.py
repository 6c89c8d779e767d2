"""A CRF on features of words: learns, is saved, knows probabilities; features by hand."""

import json
import math

import numpy as np
import pytest
import torch

from ostinato.baselines.feature_crf import (
    FeatureCrf,
    WordCodes,
    choose_keys,
    find_keys,
    long_shape,
    shape,
)

SENTENCES = [
    (["the", "dog", "barks"], ["D", "N", "V"]),
    (["the", "cat", "sleeps"], ["D", "N", "V"]),
    (["a", "dog", "sleeps", "."], ["D", "N", "V", "."]),
    (["London", "sleeps"], ["N", "V"]),
] * 5


@pytest.fixture(scope="module")
def model():
    return FeatureCrf.fit(SENTENCES)


def test_it_learns(model):
    words = [given for given, _ in SENTENCES]
    assert model.tag([*words, []]) == [*(tags for _, tags in SENTENCES), []]
    assert model.tag([["the", "frog", "sleeps"]]) == [["D", "N", "V"]]  # by its neighbours


def test_probabilities_add_up(model):
    sentence = ["a", "bird", "sings"]
    (found,) = model.marginals([sentence])
    assert found.shape == (3, 4) and np.allclose(found.sum(1), 1, atol=1e-5)
    assert model.marginals([[]])[0].shape == (0, 4)
    total = sum(
        math.exp(model.log_probability(sentence, [one, two, three]))
        for one in model.tags
        for two in model.tags
        for three in model.tags
    )
    assert total == pytest.approx(1, abs=1e-4)
    assert model.log_probability(sentence, ["D", "N", "X"]) == -math.inf
    assert model.log_probability([], []) == 0


def test_it_is_saved_and_the_same_again(model):
    state = torch.random.get_rng_state()
    again = FeatureCrf.fit(SENTENCES)
    assert torch.equal(state, torch.random.get_rng_state())  # a run's own draws are not disturbed
    assert torch.equal(again.weights, model.weights)
    restored = FeatureCrf.from_dict(json.loads(json.dumps(model.to_dict())))
    sentences = [["a", "cat", "barks", "."], ["Oslo", "sleeps"]]
    assert restored.tag(sentences) == model.tag(sentences)
    assert np.allclose(restored.marginals(sentences)[0], model.marginals(sentences)[0], atol=0.01)
    with pytest.raises(ValueError, match="must have tags, keys and weights"):
        FeatureCrf.from_dict({"tags": ["D"]})
    with pytest.raises(ValueError, match="needs tagged words; got none"):
        FeatureCrf.fit([([], [])])


def test_features():
    assert long_shape("McDonald's-98") == "XxXxxxxx'x-00" and shape("McDonald's-98") == "XxXx'x-0"
    features = WordCodes().describe([["dog", "barks"], ["dog"]])
    assert features.shape[0] == 3
    same = features[0] == features[2]  # the word's own are, those with the neighbour are not
    assert same[:12].all() and not same.all()
    assert not find_keys(np.zeros(0, np.uint64), features).any()
    keys = choose_keys(features, 1000)
    assert (find_keys(keys, features) > 0).all()
    assert not find_keys(keys, WordCodes().describe([["zebra"]]))[0, :2].any()
