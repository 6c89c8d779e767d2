"""k-mers counted by hand, and as scikit-learn weighs them."""

from __future__ import annotations

import numpy as np
import pytest

from ostinato.baselines.kmers import Kmers, count_kmers, encode_kmers


def letters(text):
    return np.array(["ACGT".find(letter) for letter in text])


def test_runs():
    assert (
        encode_kmers(letters("ACN"), 2).tolist() == [1, 2, 5 + 1]
        and encode_kmers(letters(""), 3).tolist() == []
    )
    assert (
        sorted(encode_kmers(letters("AAA"), 3).tolist()) == [1, 1, 1, 5, 5, 21]
        and count_kmers(3) == 1 + 4 + 16 + 64
    )
    assert len(set(encode_kmers(letters("ACGT"), 4).tolist())) == 10


def test_as_scikit_learn_weighs_them():
    text = pytest.importorskip("sklearn.feature_extraction.text")
    sequences = ["ACGTACGT", "TTTTAC", "GGGACG", "CAT"]
    expected = (
        text.TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False)
        .fit_transform(sequences)
        .toarray()
    )
    bag = Kmers.fit(map(letters, sequences), longest=3)
    for row, sequence in zip(expected, sequences, strict=True):
        _, values = bag.vector(letters(sequence))
        assert sorted(values) == pytest.approx(sorted(row[row > 0]))


def test_saved_and_refused():
    bag = Kmers.fit([letters("ACGT"), letters("TT")], longest=2)
    again = Kmers.from_dict(bag.to_dict())
    assert (
        again.vector(letters("ACT"))[1].tolist() == bag.vector(letters("ACT"))[1].tolist()
        and len(again) == len(bag) == 20
    )
    assert [part.tolist() for part in bag.vector(letters("N"))] == [[0], [0.0]]
    with pytest.raises(ValueError, match="a bag of k-mers needs sequences to count; got none"):
        Kmers.fit([])
    with pytest.raises(ValueError, match="idf must have 21 values for k-mers of up to 2; got 1"):
        Kmers([0.0], longest=2)
    with pytest.raises(ValueError, match="not what was saved"):
        Kmers.from_dict({"idf": [0.0]})
