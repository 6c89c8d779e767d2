"""Tagged sentences: a token a line with its tag in a column, a blank line between sentences.

CoNLL      columns between spaces or tabs: West NNP I-NP I-MISC; the word is the first, the tag the last
CoNLL-U    ten columns between tabs, comments, ranges (1-2) and empty nodes (8.1); the word is FORM, the tag UPOS
text       for predicting alone: a tokenised sentence a line"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from ostinato.data.files.lines import FilePath, iterate_lines
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError, nearest

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
NUMBER = re.compile(r"\d+")
NOT_A_TOKEN = re.compile(r"\d+[-.]\d+")  # a range of tokens, or an empty node
BOUNDARY = "-DOCSTART-"
HEAD = 1000  # lines looked at to see how a file is laid out
ENDINGS = (".conll", ".conllu", ".bio", ".iob", ".iob2", ".iobes", ".conllup")


class Sentence(NamedTuple):
    """Sentence(["West", "Indian"], ["B-MISC", "I-MISC"]); without tags where none are known. `features` has further columns that
    are read beside the words, for each word one value of each: [("NNP", "I-NP"), ("JJ", "I-NP")]. `file_columns` is the number of
    columns of the training file."""

    words: Sequence[str]
    tags: Sequence[str] = ()
    block: Block | None = None
    features: Sequence[Sequence[str]] = ()
    file_columns: int = 2


class Block(NamedTuple):
    """The lines of a file that a sentence came from, comments and the blank line after it with it.

    places     on which of the lines its words stand
    boundaries lines that mark a new document: they are given `O`, so that each line has as many columns
    column     the column whose place the tag takes; None: it becomes a further, last one
    separator  what stands between columns
    """

    lines: list[str]
    places: list[int]
    boundaries: list[int]
    column: int | None
    separator: str


def fill(sentence: Sentence, *taggings: Sequence[str]) -> str:
    """The sentence's lines with their tags: in the tag's column (the first tagging alone), or as further last columns.

    A sentence that came from no columns gets two, and a blank line after it."""
    block = sentence.block
    if block is None:
        rows = ["\t".join(row) for row in zip(sentence.words, *taggings, strict=True)]
        return "\n".join([*rows, ""])
    lines = list(block.lines)
    for place, *tags in zip(block.places, *taggings, strict=True):
        if block.column is None:
            lines[place] = block.separator.join([lines[place].rstrip(" \t"), *tags])
        else:
            fields = lines[place].split("\t")
            fields[block.column] = tags[0]
            lines[place] = "\t".join(fields)
    for place in block.boundaries:
        lines[place] = block.separator.join([lines[place].rstrip(" \t"), *["O"] * len(taggings)])
    return "\n".join(lines)


def words_of(line: str) -> list[str]:
    """What stands between spaces and tabs; other white space, a no-break space say, may be part of a word."""
    return [word for word in line.replace("\t", " ").split(" ") if word]


class Layout(NamedTuple):
    """How the token lines of a file are cut: by tabs or by spaces, into how many columns, of which names."""

    file: str
    line: int
    columns: int
    tabs: bool
    conllu: bool
    names: tuple[str, ...]

    def fields(self, line: str) -> list[str]:
        return line.split("\t") if self.tabs else words_of(line)

    def column(self, given: str | None, default: str | int, option: str) -> int:
        """Which column, from 0: one given by number (1 is the first, -1 the last) or name, or else the default."""
        wanted = str(default) if given is None else given
        if re.fullmatch(r"[+-]?\d+", wanted):
            number = int(wanted)
            if not 1 <= abs(number) <= self.columns:
                raise InputError(
                    f"{self.file}:{self.line}: {option} {wanted}: the columns are 1 to {self.columns}, or -1 for the last"
                )
            return number - 1 if number > 0 else self.columns + number
        if wanted.lower() not in self.names:
            known = (
                nearest(wanted.lower(), self.names)
                if self.names
                else "; the columns have no names here, give a number"
            )
            raise InputError(f"{self.file}:{self.line}: {option} {wanted}: no such column{known}")
        return self.names.index(wanted.lower())

    def further(self, given: Sequence[str], others: Sequence[int | None]) -> list[int]:
        """Which columns are read beside the word, from 0; InputError for the word's own, the tag's, or one given twice."""
        found = [self.column(each, each, "--feature-columns") for each in given]
        wrong = next(
            (each for place, each in enumerate(found) if each in others or each in found[:place]),
            None,
        )
        if wrong is not None:
            what = (
                "given twice"
                if wrong not in others
                else "the word's own"
                if wrong == others[0]
                else "that of the tag to be learned"
            )
            raise InputError(
                f"{self.file}:{self.line}: --feature-columns {','.join(given)}: column {wrong + 1} is {what}"
            )
        return found


def read_layout(file: FilePath, head: Sequence[str]) -> Layout | None:
    """How a file is laid out, from its first lines; None where no token stands in them."""
    named = next(
        (line.split("=", 1)[1].split() for line in head if line.startswith("# global.columns")), []
    )
    tokens = [
        (number, line)
        for number, line in enumerate(head, start=1)
        if line.strip(" \t") and not line.startswith(BOUNDARY)
    ]
    whole = Path(str(file).removesuffix(".gz")).suffix.lower()
    # a line that begins with # may be a comment, or (but in CoNLL-U) a token that is a number sign
    comments = bool(named) or whole == ".conllu"
    found = next(
        (each for each in tokens if not each[1].startswith("#")),
        tokens[0] if tokens and not comments else None,
    )
    if found is None:
        return None
    number, line = found
    tabs = "\t" in line
    fields = line.split("\t") if tabs else words_of(line)
    conllu = (
        tabs
        and len(fields) == len(CONLLU)
        and bool(NUMBER.fullmatch(fields[0]) or NOT_A_TOKEN.fullmatch(fields[0]))
    )
    if whole == ".conllu" and not conllu:
        raise InputError(
            f"{display_path(file)}:{number}: {len(fields)} columns; a CoNLL-U file has the {len(CONLLU)} of CoNLL-U between tabs"
        )
    names = CONLLU if conllu else tuple(name.rpartition(":")[2].lower() for name in named)
    return Layout(display_path(file), number, len(fields), tabs, conllu, names)


def read_sentences(
    file: FilePath,
    *,
    word_column: str | None = None,
    tag_column: str | None = None,
    feature_columns: Sequence[str] = (),
) -> Iterator[Sentence]:
    """The tagged sentences of a file, one at a time.

    next(read_sentences("dev.conllu", tag_column="xpos")) -> Sentence(["Al", "-", "Zaman"], ["NNP", "HYPH", "NNP"])

    Columns are given by number (1 is the first, -1 the last) or, in CoNLL-U, by name. InputError, with the line: no such
    column, more or fewer columns than before, a token without its tag, a CoNLL-U number that is none."""
    lines = iterate_lines(file)
    head, layout = peek(file, lines)
    if layout is None:
        return
    word = layout.column(word_column, "form" if "form" in layout.names else 1, "--word-column")
    tag = layout.column(tag_column, "upos" if layout.conllu else -1, "--tag-column")
    if word == tag:
        raise InputError(
            f"{layout.file}:{layout.line}: the word and its tag would both be column {word + 1}; "
            "a token needs its tag beside it"
        )
    further = layout.further(feature_columns, (word, tag))
    may_be_missing = layout.conllu and CONLLU[tag] in ("upos", "xpos")
    words: list[str] = []
    tags: list[str] = []
    features: list[tuple[str, ...]] = []
    for number, line in enumerate(chain(head, lines), start=1):
        fields = token(layout, number, line, first=not words)
        if fields is None:
            continue
        if not fields:
            if words:
                yield Sentence(words, tags, features=features)
                words, tags, features = [], [], []
            continue
        if not fields[word] or not fields[tag] or (may_be_missing and fields[tag] == "_"):
            missing = f"the token '{fields[word]}' has no tag" if fields[word] else "no word"
            raise InputError(
                f"{layout.file}:{number}: {missing} in column {(tag if fields[word] else word) + 1}; fill it in, "
                "or name another --tag-column"
            )
        words.append(fields[word])
        tags.append(fields[tag])
        if further:
            features.append(tuple(fields[each] for each in further))
    if words:
        yield Sentence(words, tags, features=features)


def token(layout: Layout, number: int, line: str, *, first: bool) -> list[str] | None:
    """The columns of a token's line; [] for a blank line; None for what is neither: a comment, a range, a document's start."""
    if not line or not line.strip(" \t"):
        return []
    fields = layout.fields(line)
    if line.startswith("#") and (layout.conllu or (first and len(fields) != layout.columns)):
        return None
    if line.startswith(BOUNDARY):
        return None
    if len(fields) != layout.columns:
        hint = "; is a token without its tag?" if len(fields) < layout.columns else ""
        raise InputError(
            f"{layout.file}:{number}: {len(fields)} column{'s' * (len(fields) != 1)}, expected {layout.columns} as in "
            f"line {layout.line}{hint}"
        )
    if layout.conllu and not NUMBER.fullmatch(fields[0]):
        if NOT_A_TOKEN.fullmatch(fields[0]):
            return None
        raise InputError(
            f"{layout.file}:{number}: '{fields[0]}' is no number of a CoNLL-U token; expected 1, 1-2 or 1.1"
        )
    return fields


def peek(file: FilePath, lines: Iterator[str]) -> tuple[list[str], Layout | None]:
    """The first lines, as far as the first sentence reaches, and what they say of the layout."""
    head: list[str] = []
    for line in islice(lines, HEAD):
        head.append(line)
        if not line.strip(" \t") and any(
            each.strip(" \t") and not each.startswith(("#", BOUNDARY)) for each in head
        ):
            break
    return head, read_layout(file, head)


def count_columns(file: FilePath) -> int:
    """How many columns a file has; 0 if there is no token in it."""
    layout = peek(file, iterate_lines(file))[1]
    return 0 if layout is None else layout.columns


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
    """What is to be tagged, one sentence at a time, each with the lines that it stands on.

    columns          whether the file has columns (True) or a sentence a line (False); None: seen from its first lines,
                     for which `trained_columns` and `known_tags` say what the training data looked like

    A blank line of a file of sentences is an empty sentence. InputError as in read_sentences, but no tags are asked for."""
    lines = iterate_lines(file)
    head, layout = peek(file, lines)
    if layout is None:
        columns = (named_as_columns(file) if columns is None else columns) and any(
            line.startswith(("#", BOUNDARY)) for line in head
        )
    elif columns is None:
        columns = has_columns(file, head, layout, trained_columns, known_tags)
    if feature_columns and not columns and layout is not None:
        raise InputError(
            f"{layout.file}:{layout.line}: a sentence a line, but the model reads the columns {','.join(feature_columns)} "
            "beside the word; give a file of columns (--layout columns if this is one)"
        )
    everything = chain(head, lines)
    if not columns:
        yield from (Sentence(words_of(line)) for line in everything)
    elif layout is None:
        yield Sentence([], (), Block(list(everything), [], [], None, "\t"))
    else:
        yield from blocks(layout, everything, word_column, tag_column, feature_columns)


def named_as_columns(file: FilePath) -> bool:
    return str(file).removesuffix(".gz").lower().endswith(ENDINGS)


def has_columns(
    file: FilePath,
    head: Sequence[str],
    layout: Layout,
    trained_columns: int,
    known_tags: frozenset[str],
) -> bool:
    """Whether the first lines of a file are tokens rather than sentences.

    Its name or a tab says so. Otherwise spaces part columns or words: they are columns if all lines up to the first blank one
    have as many, and that many as in training (the last a known tag) or one less; and single words are tokens if there are several."""
    if layout.tabs or named_as_columns(file):
        return True
    rows = [words_of(line) for line in head if line.strip(" \t") and not line.startswith(BOUNDARY)]
    if len({len(row) for row in rows}) != 1:
        return False
    if layout.columns == trained_columns and all(row[-1] in known_tags for row in rows):
        return True
    return (
        len(rows) > 1
        and layout.columns == 1
        or len(rows) > 2
        and layout.columns == trained_columns - 1
        and not head[-1].strip()
    )


def blocks(
    layout: Layout,
    lines: Iterator[str],
    word_column: str | None,
    tag_column: str | None,
    feature_columns: Sequence[str],
) -> Iterator[Sentence]:
    word = layout.column(word_column, "form" if "form" in layout.names else 1, "--word-column")
    column = layout.column(tag_column, "upos", "--tag-column") if layout.conllu else None
    further = layout.further(feature_columns, (word, column))
    separator = "\t" if layout.tabs or layout.columns == 1 else " "
    words: list[str] = []
    features: list[tuple[str, ...]] = []
    block = Block([], [], [], column, separator)
    for number, line in enumerate(lines, start=1):
        fields = token(layout, number, line, first=not words)
        block.lines.append(line)
        if fields:
            if not fields[word]:
                raise InputError(f"{layout.file}:{number}: no word in column {word + 1}")
            words.append(fields[word])
            if further:
                features.append(tuple(fields[each] for each in further))
            block.places.append(len(block.lines) - 1)
        elif fields is None and line.startswith(BOUNDARY):
            block.boundaries.append(len(block.lines) - 1)
        elif fields is not None:
            yield Sentence(words, (), block, features)
            words, features, block = [], [], Block([], [], [], column, separator)
    if block.lines:
        yield Sentence(words, (), block, features)
