"""Typing errors: how many separate what was typed from a word that may have been meant."""

from __future__ import annotations

ERROR = 1e-2  # probability of one typing error: about one letter in a hundred


def count_typing_errors(typed: str, word: str) -> int:
    """The fewest typing errors that turn the beginning of `word`, or all of it, into `typed`.

    An error is a letter left out, added or replaced, or two neighbours swapped (Damerau 1964).

    count_typing_errors("tihnk", "think") -> 1; ("tihn", "thinking") -> 1; ("th", "the") -> 0"""
    before: list[int] = []
    row = list(range(len(word) + 1))
    for i, letter in enumerate(typed, start=1):
        older, before = before, row
        row = [i]
        for j, other in enumerate(word, start=1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and (letter, typed[i - 2]) == (word[j - 2], other):
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return min(row)


def most_typing_errors(typed: str) -> int:
    """The errors that are looked for in a word of this length: none in "to", 1 in "teh", then 2."""
    return 0 if len(typed) < 3 else 1 if len(typed) < 5 else 2
