"""Sentences with a tag for each word, from columns, CoNLL-U, or a sentence a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ostinato.data.files.wording import display_path
from ostinato.data.text.conll import Sentence, read_blocks, read_sentences
from ostinato.data.text.conll_layout import count_columns, split_words
from ostinato.data.text.tag_schemes import OUTSIDE, is_span_tag
from ostinato.errors import InputError
from ostinato.tasks.tagging.options import TaggingOptions
from ostinato.tasks.tagging.preprocessing import TaggingPreprocessing
from ostinato.tasks.tagging.sentence_parts import split_tagged
from ostinato.tasks.task import Reader

NAME = "NAME"  # the tag of names with --binary
PROPER_NOUNS = frozenset(("PROPN", "NNP", "NNPS"))  # the parts of speech that are names


class TaggingReader(Reader):
    options: TaggingOptions
    preprocessing: TaggingPreprocessing | None

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Sentence]:
        """The sentences of the files; for training, long ones are split."""
        options = self.options
        found = [
            self.convert_tags(sentence)
            for path in files
            for sentence in read_sentences(
                path,
                word_column=options.word_column,
                tag_column=options.tag_column,
                feature_columns=options.feature_column_names,
            )
        ]
        if not found:
            raise InputError(
                f"{' '.join(map(display_path, files))}: no examples (no line with a word and its tag)"
            )
        if not training:
            return found
        columns = count_columns(files[0])
        return [
            part._replace(file_columns=columns)
            for sentence in found
            for part in split_tagged(sentence, options.maximum_tokens)
        ]

    def convert_tags(self, sentence: Sentence) -> Sentence:
        """The sentence with the tags NAME and O, if --binary asks for these."""
        if not self.options.binary:
            return sentence
        return sentence._replace(tags=[NAME if is_name(tag) else OUTSIDE for tag in sentence.tags])

    def read_inputs(self, files: Sequence[str]) -> Iterator[Sentence]:
        fitted = self.preprocessing
        for path in files:
            yield from read_blocks(
                path,
                word_column=self.options.word_column,
                tag_column=self.options.tag_column,
                columns={"auto": None, "columns": True, "sentences": False}[self.options.layout],
                trained_columns=2 if fitted is None else fitted.file_columns,
                known_tags=frozenset() if fitted is None else fitted.known_tags(),
                feature_columns=self.options.feature_column_names,
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


def is_name(tag: str) -> bool:
    """is_name("I-PER"), is_name("PROPN") -> True; is_name("O"), is_name("NOUN") -> False"""
    return tag in PROPER_NOUNS or (tag != OUTSIDE and is_span_tag(tag)) or tag == NAME
