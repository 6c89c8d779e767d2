"""Untokenised words: punctuation written to a word is split off, as it was in training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

ENDS = ".!?…"  # of a sentence
PAUSES = ",;:)"  # no tokenised word ends in one of these
OPENING = "([{\"'“‘«„¿¡"
CLOSING = ".,;:!?…)]}\"'”’»%"
# endings that are tokens of their own in English treebanks and their descendants
ENGLISH = ("n't", "'s", "'re", "'ll", "'ve", "'m", "'d")
CLITICS = (*ENGLISH, *(ending.replace("'", "’") for ending in ENGLISH))

KnowsWord = Callable[[str], bool]


def is_untokenised(words: Sequence[str], knows_word: KnowsWord) -> bool:
    """Whether punctuation that is a token in training is written to a word of the sentence.

    is_untokenised(["He", "left."], {"."}.__contains__) -> True

    Args:
        words: What stands between spaces.
        knows_word: Whether a word was seen in training.
    """
    return any(
        len(word) > 1
        and word[-1] in (ENDS + PAUSES if place == len(words) - 1 else PAUSES)
        and knows_word(word[-1])
        and not knows_word(word)
        and word.strip(OPENING + CLOSING) != ""
        for place, word in enumerate(words)
    )


def split_untokenised_words(words: Sequence[str], knows_word: KnowsWord) -> list[str]:
    """The words with punctuation, and endings such as n't, split off; known words stay whole.

    split_untokenised_words(["(He", "left.)"], "().".__contains__) -> ["(", "He", "left", ".", ")"]
    """
    found: list[str] = []
    for word in words:
        before: list[str] = []
        after: list[str] = []
        while len(word) > 1 and not knows_word(word):
            if word[0] in OPENING and knows_word(word[0]):
                before.append(word[0])
                word = word[1:]
            elif word.endswith("...") and len(word) > 3 and knows_word("..."):
                after.append("...")
                word = word[:-3]
            elif word[-1] in CLOSING and knows_word(word[-1]):
                after.append(word[-1])
                word = word[:-1]
            else:
                break
        lower = word.lower()
        clitic = next(
            (end for end in CLITICS if lower.endswith(end) and len(word) > len(end)), None
        )
        if clitic is not None and not knows_word(word) and knows_word(clitic):
            after.append(word[-len(clitic) :])
            word = word[: -len(clitic)]
        found += [*before, word, *reversed(after)]
    return found


def common_prefix_mark(words: Iterable[str]) -> str:
    """What all words begin with, up to a colon: "de:" of "de:Berlin" and "de:."; "" for none."""
    rest = iter(words)
    first = next(rest, "")
    prefix, colon, _ = first.partition(":")
    if not colon or not prefix or len(prefix) > 12:
        return ""
    mark = prefix + colon
    # which ends at the first other word
    every = all(word.startswith(mark) and len(word) > len(mark) for word in chain([first], rest))
    return mark if every else ""
