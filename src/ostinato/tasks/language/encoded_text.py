"""A whole text as token ids, in memory or memory-mapped."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ostinato.data.batching.bptt_stream import store_ids
from ostinato.data.text.corpus import Line
from ostinato.data.text.tokenizers import Tokenizer

BLOCK = 1 << 20  # ids that are collected before they are stored


class EncodedText(NamedTuple):
    """A text of L lines and N tokens.

    Attributes:
        ids: Token ids [N].
        tokens: Number of tokens of each line, line end included [L].
        characters: Number of characters of each line, line end included [L].
    """

    ids: np.ndarray
    tokens: np.ndarray
    characters: np.ndarray


def encode_lines(
    lines: Sequence[Line], encode: Callable[[Line], list[int]], tokenizer: Tokenizer
) -> EncodedText:
    """Encodes a text line by line.

    Args:
        lines: The text.
        encode: A line -> its token ids, line end included.
        tokenizer: Gives the vocabulary size and the normalisation by which characters are counted.
    """
    tokens, characters = array("L"), array("L")

    def blocks() -> Iterator[np.ndarray]:
        waiting: list[int] = []
        for line in lines:
            ids = encode(line)
            waiting += ids
            tokens.append(len(ids))
            characters.append(len(tokenizer.normalise(line.text)) + line.ended)
            if len(waiting) > BLOCK:
                yield np.array(waiting, np.uint32)
                waiting.clear()
        yield np.array(waiting, np.uint32)

    ids = store_ids(blocks(), size=len(tokenizer))
    return EncodedText(ids, np.array(tokens, np.int64), np.array(characters, np.int64))
