import json
import random
from collections import defaultdict

import pytest

from ostinato.baselines.dictionary import LONGEST, Dictionary, expected_counts, link, usual_spelling
from ostinato.baselines.dictionary import IndexedSentences as Numbered

PAIRS = [
    ("das Haus", "the house"),
    ("das Buch", "the book"),
    ("ein Buch", "a book"),
    ("ein Haus .", "a house ."),
]


def split(pairs):
    return [(source.split(), target.split()) for source, target in pairs]


def plain_model_1(pairs, iterations):
    """The textbook algorithm with dictionaries and loops: expected counts of (source, target)."""
    translation = defaultdict(lambda: 1.0)
    for _ in range(iterations):
        counts, totals = defaultdict(float), defaultdict(float)
        for source, target in pairs:
            for word in target:
                whole = sum(translation[word, other] for other in ["", *source])
                for other in ["", *source]:
                    counts[word, other] += translation[word, other] / whole
                    totals[other] += translation[word, other] / whole
        for (word, other), count in counts.items():
            translation[word, other] = count / totals[other]
    return counts


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_against_a_plain_implementation(iterations):
    draw = random.Random(0)
    lengths = [(draw.randint(1, 6), draw.randint(1, 6)) for _ in range(40)]
    pairs = [
        (draw.choices("abcde", k=source), draw.choices("vwxyz", k=target))
        for source, target in lengths
    ]
    expected = plain_model_1(pairs, iterations)
    sources, targets = (
        Numbered(["", *source] for source, _ in pairs),
        Numbered(target for _, target in pairs),
    )
    links = link(sources, targets)
    found = expected_counts(links, iterations)
    assert len(found) == len(expected)
    for source, target, count in zip(links.source, links.target, found, strict=True):
        assert count == pytest.approx(expected[targets.names[target], sources.names[source]])


def test_it_learns_what_stands_for_what():
    dictionary = Dictionary.fit(split(PAIRS))
    assert dictionary.translations == {
        "das": "the",
        "haus": "house",
        "buch": "book",
        "ein": "a",
        ".": ".",
    }


def test_it_translates_word_for_word():
    dictionary = Dictionary({"ein": "a", "hund": "dog"})
    assert dictionary.translate(["Ein", "HUND", "bellt"]) == ["A", "dog", "bellt"]
    assert dictionary.translate([]) == []


def test_words_are_spelled_as_they_mostly_are():
    sentences = [["A", "man", "of", "Bern"], ["Paris"], ["So", "a", "MAN", "or", "a", "man"]]
    assert usual_spelling(sentences) == {
        "a": "a",
        "man": "man",
        "of": "of",
        "bern": "Bern",
        "paris": "Paris",
        "so": "So",
        "or": "or",
    }


def test_it_can_be_saved_as_json():
    dictionary = Dictionary.fit(split(PAIRS))
    again = Dictionary.from_dict(json.loads(json.dumps(dictionary.to_dict())))
    assert again.translations == dictionary.translations


def test_empty_and_endless_sentences_teach_nothing():
    pairs = split(PAIRS)
    more = [*pairs, ([], ["the"]), (["das"], []), (["x"] * (LONGEST + 1), ["y"])]
    assert Dictionary.fit(more).translations == Dictionary.fit(pairs).translations


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: Dictionary.fit([]),
            "a dictionary needs sentence pairs of 1 to 100 words; got none",
        ),
        (
            lambda: Dictionary.fit([([], [])]),
            "a dictionary needs sentence pairs of 1 to 100 words; got none",
        ),
        (lambda: Dictionary.from_dict({}), "a saved dictionary must be"),
        (lambda: Dictionary.from_dict([]), "a saved dictionary must be"),
        (lambda: Dictionary.from_dict({"translations": {"a": 1}}), "a saved dictionary must be"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
