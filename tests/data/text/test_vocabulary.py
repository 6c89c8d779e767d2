"""Numbers for tokens, the same whatever order the texts came in."""

import json
import random

import pytest

from ostinato.data.text.vocabulary import Vocabulary


def test_order_and_specials():
    vocabulary = Vocabulary.count([["b", "a", "c"], ["b", "<unk>", "<pad>"]])
    assert vocabulary.tokens == ["<pad>", "<unk>", "<bos>", "<eos>", "b", "a", "c"]
    assert vocabulary.encode(["a", "b", "zzz"]) == [5, 4, 1]
    assert vocabulary.decode([4, 1, 3]) == ["b", "<unk>", "<eos>"]
    assert len(vocabulary) == 7 and "a" in vocabulary and "<pad>" not in vocabulary


def test_the_order_of_texts_does_not_matter():
    texts = [[str(number % 7), str(number % 3)] for number in range(50)]
    shuffled = random.Random(0).sample(texts, len(texts))
    assert Vocabulary.count(texts) == Vocabulary.count(shuffled)


def test_limits():
    texts = [list("aaabbc")]
    assert Vocabulary.count(texts, minimum_count=2).tokens[4:] == ["a", "b"]
    assert Vocabulary.count(texts, maximum_size=5).tokens[4:] == ["a"]
    with pytest.raises(
        ValueError, match="maximum_size: must leave room beside 4 special tokens; got 4"
    ):
        Vocabulary.count(texts, maximum_size=4)


def test_specials_in_a_text_are_unknown():
    assert Vocabulary(["a"]).encode(["<pad>", "<bos>", "<eos>", "<unk>", "a"]) == [1, 1, 1, 1, 4]


def test_labels():
    labels = Vocabulary.count([["good", "bad", "good"]], specials=())
    assert labels.encode(["bad", "good"]) == [1, 0]
    with pytest.raises(ValueError, match="'ugly' is not among the 2 known: good, bad"):
        labels.encode(["ugly"])


def test_saved_and_loaded():
    for vocabulary in (Vocabulary(["é", "\u2028", '"']), Vocabulary(["a"], specials=())):
        assert Vocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict()))) == vocabulary


@pytest.mark.parametrize(
    "content", [[], {}, {"tokens": "abc", "specials": []}, {"tokens": [1], "specials": []}]
)
def test_damaged(content):
    with pytest.raises(ValueError, match="vocabulary: expected lists of strings"):
        Vocabulary.from_dict(content)


def test_twice():
    with pytest.raises(ValueError, match="the same token stands in the vocabulary twice"):
        Vocabulary(["a", "a"])
