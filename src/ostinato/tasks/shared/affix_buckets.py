"""The size of the hashed table of prefixes and suffixes, which the training data decides."""

from __future__ import annotations

from ostinato.layers.character_encoder import MOST_BUCKETS


def choose_affix_buckets(words: int) -> int:
    """Ten for each word of the vocabulary, as many as a word has affixes, up to a bound.

    A table of a fixed size would be most of a small model: 20 MB for sixty short texts."""
    return min(MOST_BUCKETS, 10 * max(1, words))
