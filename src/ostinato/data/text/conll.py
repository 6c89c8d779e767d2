"""CoNLL: a token a line with its tag in a column, a blank line after each sentence.

CoNLL    columns between spaces or tabs: West NNP I-NP I-MISC; the word is first, the tag last
CoNLL-U  ten columns between tabs, comments, ranges (1-2) and empty nodes (8.1); the word is FORM,
         the tag UPOS
tables   see `token_table`
text     for predicting alone: a tokenised sentence a line"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import kind_by_name
from ostinato.data.files.wording import display_path, quote
from ostinato.data.text.columns_or_sentences import (
    UNTRAINED,
    Trained,
    has_column_ending,
    has_columns,
)
from ostinato.data.text.comments import Comments
from ostinato.data.text.conll_layout import (
    CONLLU,
    Layout,
    is_boundary,
    parse_token,
    read_head,
    read_layout,
    split_words,
)
from ostinato.data.text.sentence import Block, Sentence
from ostinato.data.text.token_table import TableColumns, find_table, read_token_table
from ostinato.errors import InputError, option_name
from ostinato.notices import notify

INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"  # characters of no width


def read_conll(
    file: FilePath,
    *,
    word_column: str | None = None,
    tag_column: str | None = None,
    feature_columns: Sequence[str] = (),
    sentence_column: str | None = None,
    tag_names: Sequence[str] = (),
) -> Iterator[Sentence]:
    """The tagged sentences of a file, one at a time.

    next(read_conll("dev.conllu", tag_column="xpos"))
    -> Sentence(["Al", "-", "Zaman"], ["NNP", "HYPH", "NNP"])

    Args:
        file: columns or a table, gzipped or not.
        word_column: given by number (1 is the first, -1 the last) or, in CoNLL-U and tables, by
            name.
        tag_column: as word_column.
        feature_columns: further ones to read beside the word.
        sentence_column: of a table: which sentence each word belongs to, by name.
        tag_names: names of the tags that a table gives by number, from 0.

    Raises:
        InputError: with the line: no such column, more or fewer columns than before, a token
            without its tag, a CoNLL-U number that is none.
    """
    columns = TableColumns(word_column, tag_column, sentence_column, feature_columns, tag_names)
    lines, head, kind = open_file(file, columns)
    if kind is not None:
        yield from read_token_table(file, kind, chain(head, lines), columns, tagged=True)
        return
    layout = read_layout(file, head)
    if layout is not None:
        read_lines = read_again(file, head)
        yield from split_sentences(
            layout, chain(head, lines), read_lines, word_column, tag_column, feature_columns
        )


def split_sentences(
    layout: Layout,
    lines: Iterable[str],
    read_lines: Callable[[], Iterable[str]],
    word_column: str | None,
    tag_column: str | None,
    feature_columns: Sequence[str],
) -> Iterator[Sentence]:
    """The tagged sentences of lines of columns.

    Args:
        layout: of the file.
        lines: of the file.
        read_lines: reads them again from the first one, to tell comments from tokens.
        word_column, tag_column, feature_columns: as of `read_conll`.
    """
    word = layout.find_word(word_column)
    tag = layout.find_column(tag_column, "upos" if layout.conllu else -1, "tag_column")
    if layout.numbered and word_column is None:
        notify(f"{layout.file}: column 1 counts the tokens of each sentence; the word is column 2")
    if word == tag:
        raise InputError(
            f"{layout.file}:{layout.line}: the word and its tag would both be column {word + 1}; "
            "a token needs its tag beside it"
        )
    further = layout.find_features(feature_columns, (word, tag))
    comments = Comments(layout.columns, tag, layout.fields, read_lines)
    words: list[str] = []
    tags: list[str] = []
    features: list[tuple[str, ...]] = []
    for number, line in enumerate(lines, start=1):
        fields = parse_token(layout, number, line, first=not words, comments=comments)
        if fields is None:
            continue
        if not fields:
            if words:
                yield Sentence(words, tags, features=features, file_columns=layout.columns)
                words, tags, features = [], [], []
            continue
        fields[tag] = fields[tag].strip(INVISIBLE)
        check_tagged(layout, number, fields, word, tag)
        words.append(fields[word])
        tags.append(fields[tag])
        if further:
            features.append(tuple(fields[each] for each in further))
    if words:
        yield Sentence(words, tags, features=features, file_columns=layout.columns)


def open_file(
    file: FilePath, columns: TableColumns, *, sentence: bool = False
) -> tuple[Iterator[str], list[str], str | None]:
    """The lines of a file after its first ones, these, and the kind of table that it is, if any.

    Args:
        file: columns, a table, or text.
        columns: of a table.
        sentence: whether a first sentence is enough to begin with.
    """
    if kind_by_name(file) == "parquet":
        return iter(()), [], "parquet"
    lines = iterate_lines(file)
    head = read_head(lines, sentence=sentence)
    return lines, head, find_table(file, head, columns)


def read_again(file: FilePath, head: Sequence[str]) -> Callable[[], Iterable[str]]:
    """A function that reads a file from its beginning; of standard input only its first lines."""
    return lambda: head if os.fspath(file) == "-" else iterate_lines(file)


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
    feature_columns: Sequence[str] = (),
    sentence_column: str | None = None,
    columns: bool | None = None,
    trained: Trained = UNTRAINED,
) -> Iterator[Sentence]:
    """What is to be tagged, one sentence at a time, of columns each with its lines of the file.

    A blank line of a file of sentences is an empty sentence.

    Args:
        file: columns, a table, or a sentence a line; gzipped or not.
        word_column: as of `read_conll`.
        tag_column: as of `read_conll`.
        feature_columns: as of `read_conll`.
        sentence_column: as of `read_conll`.
        columns: whether the file has columns (True) or a sentence a line (False); None: seen from
            its lines, with the help of what the model was trained on, and said.
        trained: what the model was trained on.

    Raises:
        InputError: as of `read_conll`, but tags are not needed.
    """
    if columns is False:
        if feature_columns:
            raise InputError(needs_columns(display_path(file), feature_columns))
        yield from (Sentence(split_words(line)) for line in iterate_lines(file))
        return
    choice = TableColumns(word_column, tag_column, sentence_column, feature_columns)
    lines, head, kind = open_file(file, choice, sentence=columns is True)
    if kind is not None:
        yield from read_token_table(file, kind, chain(head, lines), choice, tagged=False)
        return
    layout = read_layout(file, head)
    everything, said = chain(head, lines), ""
    if layout is None:
        columns = (columns or has_column_ending(file)) and any(
            line.startswith("#") or is_boundary(line) for line in head
        )
    elif columns is None:
        columns, said = has_columns(file, head, layout, trained)
    if columns and layout is None:
        found = iter([Sentence([], (), Block(list(everything), [], [], None, "\t"))])
    elif columns and layout is not None:
        known = trained.tags if layout.columns == trained.columns else ()
        comments = Comments(
            layout.columns, layout.columns - 1, layout.fields, read_again(file, head), known
        )
        found = split_blocks(layout, everything, comments, word_column, tag_column, feature_columns)
    elif feature_columns and layout is not None:
        raise InputError(needs_columns(f"{layout.file}:{layout.line}", feature_columns))
    else:
        found = (Sentence(split_words(line)) for line in everything)
    yield from notify_after_first(found, said)


def notify_after_first(sentences: Iterable[Sentence], notice: str) -> Iterator[Sentence]:
    """The sentences, with a notice once the first was read: an error in it is shown alone."""
    for number, sentence in enumerate(sentences):
        if notice and not number:
            notify(notice)
        yield sentence


def needs_columns(where: str, feature_columns: Sequence[str]) -> str:
    """The message for a file of sentences, for a model that reads columns beside the word."""
    return (
        f"{where}: a sentence a line, but the model reads the columns "
        f"{','.join(feature_columns)} beside the word; give a file of columns "
        f"({option_name('layout')} columns if this is one)"
    )


def split_blocks(
    layout: Layout,
    lines: Iterator[str],
    comments: Comments,
    word_column: str | None,
    tag_column: str | None,
    feature_columns: Sequence[str],
) -> Iterator[Sentence]:
    """The sentences of lines of columns, with their blocks; arguments as of `read_blocks`."""
    word = layout.find_word(word_column)
    column = layout.find_column(tag_column, "upos", "tag_column") if layout.conllu else None
    further = layout.find_features(feature_columns, (word, column))
    separator = "\t" if layout.tabs or layout.odd_spaces or layout.columns == 1 else " "
    words: list[str] = []
    features: list[tuple[str, ...]] = []
    block = Block([], [], [], column, separator)
    for number, line in enumerate(lines, start=1):
        fields = parse_token(layout, number, line, first=not words, comments=comments)
        block.lines.append(line)
        if fields:
            if not fields[word]:
                raise InputError(f"{layout.file}:{number}: no word in column {word + 1}")
            words.append(fields[word])
            if further:
                features.append(tuple(fields[each] for each in further))
            block.token_lines.append(len(block.lines) - 1)
        elif fields is None and is_boundary(line):
            block.boundaries.append(len(block.lines) - 1)
        elif fields is not None:
            yield Sentence(words, (), block, features)
            words, features, block = [], [], Block([], [], [], column, separator)
    if block.lines:
        yield Sentence(words, (), block, features)
