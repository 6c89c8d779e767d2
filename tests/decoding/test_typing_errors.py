"""Typing errors between what was typed and the beginning of a word."""

from itertools import product

import pytest

from ostinato.decoding.typing_errors import count_typing_errors, most_typing_errors


@pytest.mark.parametrize(
    ("typed", "word", "edits"),
    [
        ("", "think", 0),
        ("thi", "think", 0),
        ("think", "think", 0),
        ("tihnk", "think", 1),
        ("tihn", "thinking", 1),
        ("thnk", "think", 1),
        ("thhink", "think", 1),
        ("rhink", "think", 1),
        ("htikn", "think", 2),
        ("think", "thi", 2),
        ("abc", "xyz", 3),
    ],
)
def test_by_hand(typed, word, edits):
    assert count_typing_errors(typed, word) == edits


def neighbours(word):
    """All texts with one error more."""
    for i in range(len(word) + 1):
        yield from (word[:i] + letter + word[i:] for letter in "ab")
        yield from (word[:i] + letter + word[i + 1 :] for letter in ("a", "b", "") if i < len(word))
        if i + 1 < len(word):
            yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def test_one_error_by_brute_force():
    words = ["".join(letters) for n in range(5) for letters in product("ab", repeat=n)]
    for word in words:
        begins = {word[:n] for n in range(len(word) + 1)}
        near = begins | {each for begin in begins for each in neighbours(begin)}
        for typed in words:
            assert (count_typing_errors(typed, word) <= 1) == (typed in near), (typed, word)


def test_short_words_are_not_corrected():
    assert [most_typing_errors(typed) for typed in ("to", "teh", "tihnk")] == [0, 1, 2]
