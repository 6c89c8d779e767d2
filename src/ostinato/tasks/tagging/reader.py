"""Sentences with one tag per word: columns, CoNLL-U, tables, or one sentence per line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ostinato.data.files.wording import display_path
from ostinato.data.text.columns_or_sentences import Trained
from ostinato.data.text.conll import read_blocks, read_conll
from ostinato.data.text.conll_layout import split_words
from ostinato.data.text.sentence import Sentence
from ostinato.data.text.tag_forms import OUTSIDE, STANDARD, TagForm
from ostinato.data.text.tag_schemes import detect_format
from ostinato.errors import InputError
from ostinato.tasks.reader import Reader
from ostinato.tasks.tagging.options import TaggingOptions
from ostinato.tasks.tagging.preprocessing import TaggingPreprocessing
from ostinato.tasks.tagging.sentence_parts import split_tagged

NAME = "NAME"  # the tag of names with --binary
PROPER_NOUNS = frozenset(("PROPN", "NNP", "NNPS"))  # the parts of speech that are names


class TaggingReader(Reader):
    options: TaggingOptions
    preprocessing: TaggingPreprocessing | None

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Sentence]:
        """The sentences of the files; for training, long ones are split."""
        options = self.options
        found = [
            sentence
            for path in files
            for sentence in read_conll(
                path,
                word_column=options.word_column,
                tag_column=options.tag_column,
                feature_columns=options.feature_column_names,
                sentence_column=options.sentence_column,
                tag_names=options.tag_name_list,
            )
        ]
        if not found:
            raise InputError(
                f"{' '.join(map(display_path, files))}: no examples (no line with a word and "
                "its tag)"
            )
        if options.binary:
            written = detect_format(sentence.tags for sentence in found)
            form = STANDARD if written is None else written.form
            found = [self.convert_tags(sentence, form) for sentence in found]
        if not training:
            return found
        columns = found[0].file_columns
        return [
            part._replace(file_columns=columns)
            for sentence in found
            for part in split_tagged(sentence, options.maximum_tokens)
        ]

    def convert_tags(self, sentence: Sentence, form: TagForm = STANDARD) -> Sentence:
        """With --binary, the sentence with its tags reduced to NAME and O; otherwise unchanged."""
        if not self.options.binary:
            return sentence
        return sentence._replace(
            tags=[NAME if is_name(tag, form) else OUTSIDE for tag in sentence.tags]
        )

    def read_inputs(self, files: Sequence[str]) -> Iterator[Sentence]:
        options = self.options
        for path in files:
            yield from read_blocks(
                path,
                word_column=options.word_column,
                tag_column=options.tag_column,
                feature_columns=options.feature_column_names,
                sentence_column=options.sentence_column,
                columns={"auto": None, "columns": True, "sentences": False}[options.layout],
                trained=self.describe_training(),
            )

    def describe_training(self) -> Trained:
        """The training data's columns, tags and words, to tell columns from plain sentences."""
        fitted = self.preprocessing
        if fitted is None:
            return Trained()
        return Trained(
            fitted.file_columns,
            fitted.known_tags(),
            fitted.knows_word,
            needs_columns=bool(self.options.feature_columns),
        )

    def as_record(self, value: Any) -> Sentence:
        """A tokenised sentence, a list of words, or a pair (words, tags)."""
        if isinstance(value, str):
            return Sentence(split_words(value))
        if isinstance(value, Sentence):
            return value
        pair = isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], str)
        words, tags = value if pair else (value, ())
        if (
            isinstance(words, str)
            or not all(isinstance(word, str) for word in (*words, *tags))
            or (tags and len(tags) != len(words))
        ):
            raise InputError(
                "expected a tokenised sentence, a list of words, or (words, tags) of equal length; "
                f"got {value!r:.80}"
            )
        return Sentence(list(words), list(tags))

    def key(self, record: Sentence) -> tuple[str, ...]:
        return tuple(record.words)

    def with_target(self, record: Sentence, text: str) -> Sentence:
        return record._replace(tags=text.split())

    def text_of(self, record: Sentence) -> str:
        return " ".join(record.words)


def is_name(tag: str, form: TagForm = STANDARD) -> bool:
    """is_name("I-PER"), is_name("PROPN") -> True; is_name("O"), is_name("NOUN") -> False"""
    parts = form.parse(tag)
    in_span = parts is not None and parts[0] != OUTSIDE
    return tag in PROPER_NOUNS or in_span or tag == NAME
