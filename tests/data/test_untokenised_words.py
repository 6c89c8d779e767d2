"""Sentences as people type them are split as the training data was; tokenised ones stay."""

import pytest

from ostinato.data.text.untokenised_words import (
    common_prefix_mark,
    is_untokenised,
    split_untokenised_words,
)

KNOWN = {".", ",", "(", ")", "'s", "n't", "do", "Mr.", "...", '"'}.__contains__


@pytest.mark.parametrize(
    "sentence, tokens",
    [
        ("He left.", "He left ."),
        ("Anna (who knows Mr. B), left.", "Anna ( who knows Mr. B ) , left ."),
        ("Anna's dogs don't bark...", "Anna 's dogs do n't bark ..."),
        ('"Stay", he said.', '" Stay " , he said .'),
    ],
)
def test_punctuation_is_split_off(sentence, tokens):
    words = sentence.split()
    assert is_untokenised(words, KNOWN)
    assert split_untokenised_words(words, KNOWN) == tokens.split()


@pytest.mark.parametrize("sentence", ["He left .", "Mr. B", "", ".", "...", "Anna 's dogs , too ."])
def test_tokenised_sentences_stay(sentence):
    assert not is_untokenised(sentence.split(), KNOWN)


def test_what_training_never_split_stays():
    assert not is_untokenised(["He", "left."], set().__contains__)


def test_a_prefix_of_all_words():
    assert common_prefix_mark(["de:Berlin", "de:."]) == "de:"
    assert common_prefix_mark(["de:Berlin", "en:."]) == ""
    assert common_prefix_mark(["12:30", "a"]) == "" and common_prefix_mark([]) == ""
