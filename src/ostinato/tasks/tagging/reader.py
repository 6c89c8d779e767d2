"""Reads sentences with one tag per word from columns, CoNLL-U and tables, or plain sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ostinato.data.files.wording import display_path, quote
from ostinato.data.stored.indexed_records import IndexedFiles, index_records
from ostinato.data.stored.stored_records import StoredRecords
from ostinato.data.text.columns_or_sentences import Trained
from ostinato.data.text.conll import read_blocks, read_conll
from ostinato.data.text.conll_layout import split_words
from ostinato.data.text.sentence import Sentence
from ostinato.data.text.tag_forms import OUTSIDE, STANDARD, TagForm
from ostinato.data.text.tag_schemes import detect_format
from ostinato.data.text.untokenised_words import (
    common_prefix_mark,
    is_untokenised,
    split_untokenised_words,
)
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.reader import Reader
from ostinato.tasks.tagging.options import TaggingOptions
from ostinato.tasks.tagging.preprocessing import TaggingPreprocessing
from ostinato.tasks.tagging.sentence_parts import split_tagged

NAME = "NAME"  # the tag of names with --binary
PROPER_NOUNS = frozenset(("PROPN", "NNP", "NNPS"))  # the parts of speech that are names


class TaggingReader(Reader):
    options: TaggingOptions
    preprocessing: TaggingPreprocessing | None

    def read(self, files: Sequence[str], *, training: bool = False) -> Sequence[Sentence]:
        """Reads the sentences of the files; for training, long ones are split."""
        options = self.options
        if training and options.cache is not None:
            return self.index(files, options.cache)
        found = list(self.stream(files))
        if options.binary:
            written = detect_format(sentence.tags for sentence in found)
            form = STANDARD if written is None else written.form
            found = [self.convert_tags(sentence, form) for sentence in found]
        if not training:
            return found
        self.notify_prefix(found)
        return list(self.split(found))

    def stream(self, files: Sequence[str]) -> Iterator[Sentence]:
        """The sentences of the files as they are written there."""
        options, read = self.options, False
        for path in files:
            for sentence in read_conll(
                path,
                word_column=options.word_column,
                tag_column=options.tag_column,
                feature_columns=options.feature_column_names,
                sentence_column=options.sentence_column,
                tag_names=options.tag_name_list,
            ):
                read = True
                yield sentence
        if not read:
            raise InputError(
                f"{' '.join(map(display_path, files))}: no examples (no line with a word and "
                "its tag)"
            )

    def split(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Sentences in parts that are short enough, each with the columns of the first."""
        columns = None
        for sentence in sentences:
            columns = sentence.file_columns if columns is None else columns
            for part in split_tagged(sentence, self.options.maximum_tokens):
                yield part._replace(file_columns=columns)

    def index(self, files: Sequence[str], cache: str) -> StoredRecords[Sentence]:
        """The training sentences of files, kept in a cache folder."""
        names = (
            *("word_column", "tag_column", "feature_columns", "sentence_column", "tag_names"),
            "maximum_tokens",
        )
        settings = {name: getattr(self.options, name) for name in names}
        given = IndexedFiles(cache, self.task_name, files, settings)
        records = index_records(given, lambda: self.split(self.stream(files)), restore_sentence)
        if self.options.binary:
            written = detect_format(sentence.tags for sentence in records)
            form = STANDARD if written is None else written.form
            records.make = lambda fields: self.convert_tags(restore_sentence(fields), form)
        self.notify_prefix(records)
        return records

    @staticmethod
    def notify_prefix(sentences: Iterable[Sentence]) -> None:
        """Notifies of a prefix that all words share, as in WikiANN's files."""
        mark = common_prefix_mark(word for sentence in sentences for word in sentence.words)
        if mark:
            notify(
                f"all words begin with {quote(mark)}: words without it will be unknown to the "
                f"model; to remove it: sed 's/^{mark}//' FILE"
            )

    def convert_tags(self, sentence: Sentence, form: TagForm = STANDARD) -> Sentence:
        """Reduces tags to NAME and O with --binary; otherwise the sentence is unchanged."""
        if not self.options.binary:
            return sentence
        return sentence._replace(
            tags=[NAME if is_name(tag, form) else OUTSIDE for tag in sentence.tags]
        )

    def read_inputs(self, files: Sequence[str]) -> Iterator[Sentence]:
        options, said = self.options, False
        for path in files:
            for sentence in read_blocks(
                path,
                word_column=options.word_column,
                tag_column=options.tag_column,
                feature_columns=options.feature_column_names,
                sentence_column=options.sentence_column,
                columns={"auto": None, "columns": True, "sentences": False}[options.layout],
                trained=self.describe_training(),
            ):
                tokenised = self.tokenise(sentence)
                if not said and tokenised is not sentence:
                    said = True
                    notify(
                        f"{display_path(path)}: not tokenised: punctuation is split off, as in "
                        f"{quote(' '.join(tokenised.words), 60)} ({option_name('tokenized')}: "
                        "words stay as they are)"
                    )
                yield tokenised

    def tokenise(self, sentence: Sentence) -> Sentence:
        """Splits punctuation off the words of a plain sentence, if the training data had it so."""
        fitted = self.preprocessing
        plain = sentence.block is None and not sentence.tags and not sentence.features
        if fitted is None or self.options.tokenized or not plain:
            return sentence
        # a single word may be an item of a stream, which has a single tag
        if len(sentence.words) < 2 or not is_untokenised(sentence.words, fitted.knows_word):
            return sentence
        return Sentence(split_untokenised_words(sentence.words, fitted.knows_word))

    def describe_training(self) -> Trained:
        """The columns, tags and words of the training data, to distinguish columns from plain
        text.
        """
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
        """Makes a Sentence of a text, of a list of words, or of a pair (words, tags)."""
        if isinstance(value, str):
            return self.tokenise(Sentence(split_words(value)))
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


def restore_sentence(fields: list) -> Sentence:
    """The sentence whose fields were stored as JSON, which knows lists only."""
    sentence = Sentence._make(fields)
    return sentence._replace(features=[tuple(each) for each in sentence.features])


def is_name(tag: str, form: TagForm = STANDARD) -> bool:
    """is_name("I-PER"), is_name("PROPN") -> True; is_name("O"), is_name("NOUN") -> False"""
    parts = form.parse(tag)
    in_span = parts is not None and parts[0] != OUTSIDE
    return tag in PROPER_NOUNS or in_span or tag == NAME
