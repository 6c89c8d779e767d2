"""Splits long sentences into parts that are short enough for the network."""

from __future__ import annotations

from ostinato.data.text.sentence import Sentence
from ostinato.errors import InputError


def split_tagged(record: Sentence, size: int) -> list[Sentence]:
    """Splits a tagged sentence into parts of at most `size` words; InputError if a tag is
    missing.
    """
    if len(record.tags) != len(record.words):
        raise InputError(
            f"a tag for each word is needed; got {len(record.tags)} for {len(record.words)} words"
        )
    return [record] if len(record.words) <= size else split_sentence(record, size)


def split_sentence(record: Sentence, size: int) -> list[Sentence]:
    """Splits a sentence into parts of at most `size` words; an empty sentence has no parts."""
    return [slice_sentence(record, start, size) for start in range(0, len(record.words), size)]


def slice_sentence(record: Sentence, start: int, size: int) -> Sentence:
    """At most `size` words from `start` on, with their tags and features."""
    part = slice(start, start + size)
    return Sentence(record.words[part], record.tags[part], features=record.features[part])
