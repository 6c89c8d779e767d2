"""A text as numbers: what its units are learned from, and all of it encoded, in memory or on disk."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ostinato.data.batching.bptt_stream import store_ids
from ostinato.data.text.corpus import Line
from ostinato.data.text.tokenizers import Tokenizer

SUBWORD_CHARACTERS = 50_000_000  # of a text that subwords are learned from
SAMPLE = (
    1 << 20
)  # characters that are looked at to see whether a text is tokenised; numbers that wait in a list


class Encoded(NamedTuple):
    """A text as numbers, and how many tokens and characters (line ends too) each of its lines has."""

    numbers: np.ndarray
    tokens: np.ndarray
    characters: np.ndarray


def encode_text(
    records: Sequence[Line], numbers_of: Callable[[Line], list[int]], units: Tokenizer
) -> Encoded:
    tokens, characters = array("L"), array("L")
    numbers = store_ids(blocks(records, numbers_of, units, tokens, characters), size=len(units))
    return Encoded(numbers, *(np.array(each, np.int64) for each in (tokens, characters)))


def blocks(
    records: Sequence[Line],
    numbers_of: Callable[[Line], list[int]],
    units: Tokenizer,
    tokens: array,
    characters: array,
) -> Iterator[np.ndarray]:
    """The numbers of many lines at a time; notes how many tokens and characters each line has."""
    waiting: list[int] = []
    for line in records:
        own = numbers_of(line)
        waiting += own
        tokens.append(len(own))
        characters.append(len(units.normaliser(line.text)) + line.ended)
        if len(waiting) > SAMPLE:
            yield np.array(waiting, np.uint32)
            waiting.clear()
    yield np.array(waiting, np.uint32)


def plain(records: Iterable[Line]) -> Iterator[str]:
    return (line.text for line in records)


def with_ends(records: Iterable[Line]) -> Iterator[str]:
    return (line.text + "\n" if line.ended else line.text for line in records)


def some(records: Sequence[Line]) -> Iterator[str]:
    """Every line, or every so many-th of a very long text."""
    beginning = records[:1000]
    size = sum(len(line.text) + 1 for line in beginning) / max(1, len(beginning)) * len(records)
    return (line.text for line in records[:: max(1, round(size / SUBWORD_CHARACTERS))])


def is_tokenized(records: Iterable[Line]) -> bool:
    """Whether commas, semicolons and question marks stand apart from words, as in "well , is it ?"."""
    seen = words = attached = 0
    for line in records:
        chunks = line.text.split()
        words += len(chunks)
        attached += sum(
            len(chunk) > 1 and chunk[-1] in ",;?!" and chunk[0].isalnum() for chunk in chunks
        )
        seen += len(line.text)
        if seen > SAMPLE:
            break
    return words > 0 and attached < 0.001 * words


TEXTS = {"character": with_ends, "word": plain, "subword": some}  # what the units are learned from
