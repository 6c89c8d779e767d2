"""Options of tagging: its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self

from ostinato.cells import CELLS
from ostinato.errors import InputError, option_name
from ostinato.options import OneOf, option
from ostinato.tasks.shared.cache_options import CacheOptions
from ostinato.tasks.shared.contextual_options import ContextualOptions
from ostinato.tasks.shared.joint_labels import JointOptions
from ostinato.tasks.shared.model_choice import ModelChoice
from ostinato.tasks.shared.recurrent_options import MergeOptions

CLOSED_FORM = ("hmm", "feature-crf", "most-frequent")
NOT_RECURRENT = ("feedforward", "convolution")


DevMetric = Literal["accuracy", "f1"]


@dataclass(frozen=True)
class TaggingOptions(ModelChoice, JointOptions, ContextualOptions, CacheOptions, MergeOptions):
    closed_form_models: ClassVar[tuple[str, ...]] = CLOSED_FORM

    # the data
    word_column: str | None = option(
        None,
        "the column of the word, by number or name (default: the first; form in CoNLL-U; "
        "word, token or tokens in a table)",
        when_predicting=True,
        or_number=True,
    )
    tag_column: str | None = option(
        None,
        "the column of the tag, by number (-1: last) or name (default: the last; upos in CoNLL-U; "
        "tag or ner_tags in a table)",
        or_number=True,
    )
    sentence_column: str | None = option(
        None,
        "tables with one word per row: the column that identifies its sentence "
        "(default: Sentence #, sentence_id)",
        when_predicting=True,
        or_number=True,
    )
    tag_names: str | None = option(
        None,
        "names of tags that a table gives as numbers from 0, separated by commas: O,B-PER,I-PER",
    )
    feature_columns: str | None = option(
        None, "further input columns of each word, by number or name, separated by commas: 2,3"
    )
    scheme: Literal["iobes", "bio", "iob1", "bilou"] = option(
        "iobes", "the scheme in which spans are learned; predictions are in the scheme of the files"
    )
    binary: bool = option(False, "reduce tags to NAME (inside a span, or a proper noun) and O")
    lowercase: bool = option(False, "words are looked up in lower case (their characters keep it)")
    zero_digits: bool = option(False, "every digit of a word is looked up as 0")
    minimum_count: int = option(1, "words seen less often become <unk>", minimum=1)
    maximum_tokens: int = option(500, "longer sentences are split", minimum=1)
    # the model
    model: Annotated[str, OneOf("recurrent", *CELLS, *NOT_RECURRENT, *CLOSED_FORM)] = option(
        "recurrent",
        "a recurrent network (of --cell); feedforward: a network of fixed length; convolution: "
        "over windows of words; or a baseline: a hidden Markov model, a CRF on features of words, "
        "each word's most frequent tag",
    )
    fixed_length: int = option(
        40,
        "--model feedforward: number of words that it reads; later ones are ignored",
        minimum=1,
        maximum=1000,
    )
    hidden_size: int = option(256, "units of each layer, both directions together", minimum=2)
    bidirectional: bool = option(
        True, "read the sentence in both directions; without it, words can be tagged as they arrive"
    )
    embedding_size: int = option(100, "dimensions of a word embedding", minimum=1)
    characters: Literal["convolution", "recurrent", "none"] = option(
        "convolution", "the network that reads the characters of each word"
    )
    character_size: int = option(60, "size of a word's vector made from its characters", minimum=2)
    affix_size: int = option(
        60, "size of the prefix and suffix embedding of a word; 0 disables it", minimum=0
    )
    affix_buckets: int | None = option(
        None,
        "vectors that all prefixes and suffixes share, found by hashing (default: 10 for each word "
        "of the vocabulary, at most 20,000)",
        minimum=1,
        maximum=10_000_000,
    )
    feature_size: int = option(
        20, "dimensions of the embedding of each of --feature-columns", minimum=1
    )
    crf: bool = option(
        True,
        "predict the tags of a sentence jointly (conditional random field), not one by one",
    )
    dropout: float = option(
        0.5,
        "on word embeddings, between layers, and before the output layer",
        minimum=0,
        maximum=0.99,
    )
    locked_dropout: bool = option(
        True, "variational dropout: the same mask for all words of a sentence"
    )
    word_dropout: float = option(
        0.15,
        "probability of dropping a word's vector everywhere in a sentence",
        minimum=0,
        maximum=0.99,
    )
    character_dropout: float = option(0.1, "on the character embeddings", minimum=0, maximum=0.99)
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    unknown: float = option(
        0.25,
        "alpha: while training, a word seen n times becomes <unk> with probability alpha / (alpha "
        "+ n)",
        minimum=0,
    )
    dev_metric: DevMetric | None = option(
        None,
        "the dev score that chooses the best weights (default: f1 of spans, else accuracy)",
    )
    # predicting
    k_best: int = option(
        1,
        "number of taggings for each sentence, the best first",
        minimum=1,
        maximum=1000,
        when_predicting=True,
    )
    tokenized: bool = option(
        False,
        "the sentences to tag are tokenised already; without it, punctuation is split off words, "
        "with "
        "a notice",
        when_predicting=True,
    )
    layout: Literal["auto", "columns", "sentences"] = option(
        "auto",
        "whether the input has one token per line, in columns, or one sentence per line; auto: "
        "detected, with a notice",
        when_predicting=True,
    )

    @property
    def feature_column_names(self) -> list[str]:
        """--feature-columns as a list: "2, 3" -> ["2", "3"]"""
        return split_list(self.feature_columns)

    @property
    def tag_name_list(self) -> list[str]:
        """--tag-names as a list: "O,B-PER" -> ["O", "B-PER"]"""
        return split_list(self.tag_names)

    def at_a_terminal(self) -> Self:
        """Each line typed is one sentence."""
        typed = self.layout == "auto" and not self.feature_columns
        return replace(self, layout="sentences") if typed else self

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.merge != "concat" and not self.bidirectional:
            raise InputError(
                f"{option_name('merge')} {self.merge} needs {option_name('bidirectional')}"
            )
        if self.bidirectional and self.merge == "concat" and self.hidden_size % 2:
            raise InputError(
                f"{option_name('hidden_size')} must be even, half of it for each direction; got "
                f"{self.hidden_size}"
            )
        if self.characters == "recurrent" and self.character_size % 2:
            raise InputError(
                f"{option_name('character_size')} must be even, half of it for each direction; "
                f"got {self.character_size}"
            )


def split_list(text: str | None) -> list[str]:
    """split_list("2, 3") -> ["2", "3"]"""
    return [part.strip() for part in (text or "").split(",") if part.strip()]
