"""The interpolation of tagger and CRF baseline: schemes, decoding, and scores that agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ostinato.data.text.sentence import Sentence
from ostinato.tasks import TASKS
from ostinato.tasks.tagging.baseline import TagBaseline
from ostinato.tasks.tagging.joint_tags import JointTags, respell
from ostinato.tasks.tagging.span_reader import span_reader

BIO = [
    Sentence(["Peter", "Piper", "flew"], ["B-PER", "I-PER", "O"]),
    Sentence(["to", "York", "with", "Ann"], ["O", "B-LOC", "O", "B-PER"]),
    Sentence(["New", "York", "City"], ["B-LOC", "I-LOC", "I-LOC"]),
] * 4


def fit(records=BIO, **settings):
    values = {"hidden_size": 8, "embedding_size": 6, "character_size": 4, **settings}
    return TASKS["tagging"].create(values).fit(records)


def joined(made, weight=0.5):
    torch.manual_seed(0)
    network = made.build_network().eval()
    made.initialise(network)
    crf = TagBaseline.fit_kind("feature-crf", BIO, span_reader(made.preprocessing))
    return made.predictor.join(network, crf, weight)


def test_a_tag_in_another_scheme():
    tags = ["O", "B-PER", "I-PER", "E-PER", "S-PER"]
    assert [respell(tag, "iobes", "bio") for tag in tags] == [
        *("O", "B-PER", "I-PER", "I-PER", "B-PER"),
    ]
    assert [respell(tag, "iobes", "ioe2") for tag in tags] == [
        *("O", "I-PER", "I-PER", "E-PER", "E-PER"),
    ]
    assert [respell(tag, "bio", "bio") for tag in tags[:3]] == tags[:3]


def test_schemes_whose_tags_depend_on_their_neighbours_are_not_interpolated():
    iob1 = [
        Sentence(["a", "b"], ["I-X", "B-X"]),
        Sentence(["c", "d"], ["I-X", "O"]),
    ] * 3
    assert JointTags.of(fit(iob1).preprocessing) is None
    assert JointTags.of(fit(scheme="iob1").preprocessing) is None
    assert JointTags.of(fit().preprocessing) is not None
    assert JointTags.of(fit(scheme="bio").preprocessing) is not None


def test_probabilities_add_up():
    made = fit()
    tags = JointTags.of(made.preprocessing)
    assert tags.names == ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]
    network = made.build_network().eval()
    for row, record in zip(tags.probabilities(network, BIO[:3]), BIO, strict=False):
        assert row.shape == (len(record.words), 5)
        np.testing.assert_allclose(row.sum(1), 1, rtol=1e-5)


def test_only_allowed_tags_follow_each_other():
    tags = JointTags.of(fit().preprocessing)
    # I-LOC is the likeliest tag everywhere, but may not begin
    row = np.array([[0.2, 0.15, 0.5, 0.1, 0.05]] * 2)
    paths = tags.decode(row, 3)
    assert paths[0] == (["B-LOC", "I-LOC"], pytest.approx(math.log(0.2 * 0.5)))
    assert len(paths) == 3 and paths[0][1] >= paths[1][1] >= paths[2][1]
    assert tags.decode(np.zeros((0, 5)), 2) == [([], 0.0)]


def test_predictions_scores_and_k_best_agree():
    made = fit(k_best=2)
    joint = joined(made)
    inputs = [Sentence(record.words) for record in BIO[:3]] + [Sentence([])]
    found = made.predictor.predict(joint, inputs)
    for record, prediction in zip(inputs, found, strict=True):
        assert len(prediction.tags) == len(record.words)
        alone = made.predictor.predict(joint, [record])[0]
        assert alone.tags == prediction.tags
        for tags, score in prediction.taggings:
            given = Sentence(record.words, tags)
            assert made.predictor.log_probabilities(joint, [given])[0] == pytest.approx(
                score, abs=1e-4
            )
    unknown = Sentence(["New"], ["B-ORG"])
    assert made.predictor.log_probabilities(joint, [unknown]) == [-math.inf]


def test_long_sentences_are_read_in_parts():
    made = fit(maximum_tokens=2)
    (prediction,) = made.predictor.predict(joined(made), [Sentence(["New", "York", "City"] * 3)])
    assert len(prediction.tags) == 9
    counts = made.predictor.count_quickly(joined(made), BIO, "f1")
    assert len(counts) == len(BIO)
