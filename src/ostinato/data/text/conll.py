"""Tagged sentences: a token a line with its tag in a column, a blank line between sentences.

CoNLL    columns between spaces or tabs: West NNP I-NP I-MISC; the word is first, the tag last
CoNLL-U  ten columns between tabs, comments, ranges (1-2) and empty nodes (8.1); the word is FORM,
         the tag UPOS
text     for predicting alone: a tokenised sentence a line"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import quote
from ostinato.data.text.conll_layout import (
    BOUNDARY,
    CONLLU,
    Layout,
    has_column_ending,
    has_columns,
    parse_token,
    read_head,
    split_words,
)
from ostinato.errors import InputError, option_name


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
        rows = ["\t".join(row) for row in zip(sentence.words, *taggings, strict=True)]
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


def read_sentences(
    file: FilePath,
    *,
    word_column: str | None = None,
    tag_column: str | None = None,
    feature_columns: Sequence[str] = (),
) -> Iterator[Sentence]:
    """The tagged sentences of a file, one at a time.

    next(read_sentences("dev.conllu", tag_column="xpos"))
    -> Sentence(["Al", "-", "Zaman"], ["NNP", "HYPH", "NNP"])

    Args:
        file: columns, gzipped or not.
        word_column: given by number (1 is the first, -1 the last) or, in CoNLL-U, by name.
        tag_column: as word_column.
        feature_columns: further ones to read beside the word.

    Raises:
        InputError: with the line: no such column, more or fewer columns than before, a token
            without its tag, a CoNLL-U number that is none.
    """
    lines = iterate_lines(file)
    head, layout = read_head(file, lines)
    if layout is None:
        return
    word = layout.find_word(word_column)
    tag = layout.find_column(tag_column, "upos" if layout.conllu else -1, "tag_column")
    if word == tag:
        raise InputError(
            f"{layout.file}:{layout.line}: the word and its tag would both be column {word + 1}; "
            "a token needs its tag beside it"
        )
    further = layout.find_features(feature_columns, (word, tag))
    words: list[str] = []
    tags: list[str] = []
    features: list[tuple[str, ...]] = []
    for number, line in enumerate(chain(head, lines), start=1):
        fields = parse_token(layout, number, line, first=not words)
        if fields is None:
            continue
        if not fields:
            if words:
                yield Sentence(words, tags, features=features)
                words, tags, features = [], [], []
            continue
        check_tagged(layout, number, fields, word, tag)
        words.append(fields[word])
        tags.append(fields[tag])
        if further:
            features.append(tuple(fields[each] for each in further))
    if words:
        yield Sentence(words, tags, features=features)


def check_tagged(layout: Layout, number: int, fields: list[str], word: int, tag: int) -> None:
    """InputError where a token has no word or no tag in these columns."""
    may_be_missing = layout.conllu and CONLLU[tag] in ("upos", "xpos")
    if fields[word] and fields[tag] and not (may_be_missing and fields[tag] == "_"):
        return
    missing = f"the token {quote(fields[word])} has no tag" if fields[word] else "no word"
    column = (tag if fields[word] else word) + 1
    raise InputError(
        f"{layout.file}:{number}: {missing} in column {column}; fill it in, "
        f"or name another {option_name('tag_column')}"
    )


def read_blocks(
    file: FilePath,
    *,
    word_column: str | None = None,
    tag_column: str | None = None,
    columns: bool | None = None,
    trained_columns: int = 2,
    known_tags: frozenset[str] = frozenset(),
    feature_columns: Sequence[str] = (),
) -> Iterator[Sentence]:
    """What is to be tagged, one sentence at a time, each with its lines of the file.

    A blank line of a file of sentences is an empty sentence.

    Args:
        file: columns, or a sentence a line; gzipped or not.
        word_column: as of `read_sentences`.
        tag_column: as of `read_sentences`.
        columns: whether the file has columns (True) or a sentence a line (False); None: seen from
            its first lines, with the help of the next two.
        trained_columns: the number of columns of the training data.
        known_tags: those of the training data.
        feature_columns: as of `read_sentences`.

    Raises:
        InputError: as of `read_sentences`, but tags are not needed.
    """
    lines = iterate_lines(file)
    head, layout = read_head(file, lines)
    if layout is None:
        columns = (has_column_ending(file) if columns is None else columns) and any(
            line.startswith(("#", BOUNDARY)) for line in head
        )
    elif columns is None:
        columns = has_columns(file, head, layout, trained_columns, known_tags)
    if feature_columns and not columns and layout is not None:
        raise InputError(
            f"{layout.file}:{layout.line}: a sentence a line, but the model reads the columns "
            f"{','.join(feature_columns)} beside the word; give a file of columns "
            f"({option_name('layout')} columns if this is one)"
        )
    everything = chain(head, lines)
    if not columns:
        yield from (Sentence(split_words(line)) for line in everything)
    elif layout is None:
        yield Sentence([], (), Block(list(everything), [], [], None, "\t"))
    else:
        yield from split_blocks(layout, everything, word_column, tag_column, feature_columns)


def split_blocks(
    layout: Layout,
    lines: Iterator[str],
    word_column: str | None,
    tag_column: str | None,
    feature_columns: Sequence[str],
) -> Iterator[Sentence]:
    """The sentences of lines of columns, with their blocks; arguments as of `read_blocks`."""
    word = layout.find_word(word_column)
    column = layout.find_column(tag_column, "upos", "tag_column") if layout.conllu else None
    further = layout.find_features(feature_columns, (word, column))
    separator = "\t" if layout.tabs or layout.columns == 1 else " "
    words: list[str] = []
    features: list[tuple[str, ...]] = []
    block = Block([], [], [], column, separator)
    for number, line in enumerate(lines, start=1):
        fields = parse_token(layout, number, line, first=not words)
        block.lines.append(line)
        if fields:
            if not fields[word]:
                raise InputError(f"{layout.file}:{number}: no word in column {word + 1}")
            words.append(fields[word])
            if further:
                features.append(tuple(fields[each] for each in further))
            block.token_lines.append(len(block.lines) - 1)
        elif fields is None and line.startswith(BOUNDARY):
            block.boundaries.append(len(block.lines) - 1)
        elif fields is not None:
            yield Sentence(words, (), block, features)
            words, features, block = [], [], Block([], [], [], column, separator)
    if block.lines:
        yield Sentence(words, (), block, features)
