"""Bag of words: the vectors are scikit-learn's own, and its weights are used without it."""

import numpy as np
import pytest
import torch

from ostinato.baselines.bag_of_words import (
    BagOfWords,
    ClassFrequencies,
    LinearClassifier,
    extract_ngrams,
    fit_logistic_regression,
)
from ostinato.data.batching.batch import Example, collate

TEXTS = [
    text.split()
    for text in [
        "a fine fine film",
        "a dull film",
        "fine",
        "dull and long film",
        "a long and fine one",
    ]
]
LABELS = np.array([1, 0, 1, 0, 1])


def answers(bag, network, texts):
    rows = [
        Example(torch.from_numpy(np.stack(bag.vector(text), 1).astype(np.float32)))
        for text in texts
    ]
    return network.probabilities(collate(rows))


def test_ngrams():
    assert list(extract_ngrams(["a", "b", "c"], 2)) == ["a", "b", "c", "a b", "b c"]
    assert list(extract_ngrams([], 2)) == []


def test_only_what_occurs_often_enough_and_the_most_frequent_of_it():
    assert BagOfWords.fit(TEXTS, order=1).ngrams == ["a", "film", "fine", "and", "dull", "long"]
    assert BagOfWords.fit(TEXTS, order=1, most=2).ngrams == ["a", "film"]


def test_a_text_without_a_known_word_is_no_vector():
    numbers, values = BagOfWords.fit(TEXTS).vector(["unheard", "of"])
    assert numbers.tolist() == [0] and values.tolist() == [0.0]


def test_saved_and_restored():
    bag = BagOfWords.fit(TEXTS)
    again = BagOfWords.from_dict(bag.to_dict())
    for text in TEXTS:
        np.testing.assert_allclose(again.vector(text)[1], bag.vector(text)[1], rtol=1e-6)
    with pytest.raises(ValueError, match="bag of words: not what was saved"):
        BagOfWords.from_dict({"ngrams": []})


@pytest.mark.parametrize("weighting, order", [("tf-idf", 1), ("tf-idf", 2), ("counts", 2)])
def test_vectors_are_scikit_learns(weighting, order):
    text = pytest.importorskip("sklearn.feature_extraction.text")
    theirs = (text.TfidfVectorizer if weighting == "tf-idf" else text.CountVectorizer)(
        analyzer=lambda tokens: list(extract_ngrams(tokens, order)), min_df=2
    ).fit(TEXTS)
    bag = BagOfWords.fit(TEXTS, order=order, weighting=weighting)
    assert set(theirs.vocabulary_) == set(bag.ngrams)
    for text_tokens, row in zip(TEXTS, theirs.transform(TEXTS).toarray(), strict=True):
        numbers, values = bag.vector(text_tokens)
        for number, value in zip(numbers, values, strict=True):
            assert row[theirs.vocabulary_[bag.ngrams[number - 1]]] == pytest.approx(value)


@pytest.mark.parametrize(
    "labels", [LABELS, np.array([0, 1, 2, 1, 0])], ids=["binary", "three classes"]
)
def test_probabilities_are_scikit_learns(labels):
    pytest.importorskip("sklearn")
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    bag = BagOfWords.fit(TEXTS)
    vectors, classes = [bag.vector(text) for text in TEXTS], labels.max() + 1
    network = LinearClassifier(len(bag), classes)
    network.put(*fit_logistic_regression(vectors, labels, len(bag), classes))
    dense = np.zeros((len(TEXTS), len(bag) + 1))
    for row, (numbers, values) in enumerate(vectors):
        dense[row, numbers] = values
    theirs = LogisticRegression(C=10.0, max_iter=1000).fit(csr_matrix(dense), labels)
    np.testing.assert_allclose(
        answers(bag, network, TEXTS).numpy(), theirs.predict_proba(dense), atol=1e-3
    )


def test_each_label_for_itself():
    pytest.importorskip("sklearn")
    bag = BagOfWords.fit(TEXTS)
    labels = np.stack([LABELS, np.ones(5), np.zeros(5)], 1)
    network = LinearClassifier(len(bag), 3, many=True)
    network.put(*fit_logistic_regression([bag.vector(text) for text in TEXTS], labels, len(bag), 3))
    given = answers(bag, network, TEXTS)
    assert ((given[:, 0] > 0.5).numpy() == LABELS.astype(bool)).all()
    assert (given[:, 1] > 0.99).all() and (given[:, 2] < 0.01).all()


def test_constant():
    network = ClassFrequencies(2)
    network.put(np.array([0.25, 0.75]))
    assert (
        network.probabilities(collate([Example(torch.tensor([1]))] * 3)).tolist()
        == [[0.25, 0.75]] * 3
    )
