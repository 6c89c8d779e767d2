"""The size of the hashed embedding of prefixes and suffixes, by the size of the vocabulary."""

from __future__ import annotations

from ostinato.layers.character_encoder import MOST_BUCKETS


def choose_affix_buckets(words: int) -> int:
    """Ten buckets for each word of the vocabulary, about one per affix, up to MOST_BUCKETS.

    A table of a fixed size would be most of a small model: 20 MB for sixty short texts.
    """
    return min(MOST_BUCKETS, 10 * max(1, words))
