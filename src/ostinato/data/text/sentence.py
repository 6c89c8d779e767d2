"""A sentence with its tags, and the lines of the file that it came from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

LINE_BREAKS = re.compile(r"[\t\n\r]")  # inside a word of a table: they would make columns and lines


class Sentence(NamedTuple):
    """Sentence(["West", "Indian"], ["B-MISC", "I-MISC"])

    Attributes:
        words: the tokens.
        tags: one for each word; () where none are known.
        block: the lines of the file, if the answer is written into them.
        features: further columns that are read beside the words, for each word one value of each:
            [("NNP", "I-NP"), ("JJ", "I-NP")].
        file_columns: the number of columns of the training file.
    """

    words: Sequence[str]
    tags: Sequence[str] = ()
    block: Block | None = None
    features: Sequence[Sequence[str]] = ()
    file_columns: int = 2


class Block(NamedTuple):
    """The lines of a file that a sentence came from, with comments and the blank line after it.

    Attributes:
        lines: without their ends.
        token_lines: the indices of the lines with words.
        boundaries: the indices of lines that mark a new document: they get the tag `O`, so that
            each line has as many columns.
        column: the index of the column that the tag replaces; None to append it.
        separator: between columns.
    """

    lines: list[str]
    token_lines: list[int]
    boundaries: list[int]
    column: int | None
    separator: str


def fill_tags(sentence: Sentence, *taggings: Sequence[str]) -> str:
    """The sentence's lines with its tags.

    They replace the tag's column (the first tagging alone), or are appended as further columns. A
    sentence that came from no columns gets two, and a blank line after it."""
    block = sentence.block
    if block is None:
        words = [LINE_BREAKS.sub(" ", word) for word in sentence.words]
        rows = ["\t".join(row) for row in zip(words, *taggings, strict=True)]
        return "\n".join([*rows, ""])
    lines = list(block.lines)
    for index, *tags in zip(block.token_lines, *taggings, strict=True):
        if block.column is None:
            lines[index] = block.separator.join([lines[index].rstrip(" \t"), *tags])
        else:
            fields = lines[index].split("\t")
            fields[block.column] = tags[0]
            lines[index] = "\t".join(fields)
    for index in block.boundaries:
        outside = ["O"] * len(taggings)
        lines[index] = block.separator.join([lines[index].rstrip(" \t"), *outside])
    return "\n".join(lines)
