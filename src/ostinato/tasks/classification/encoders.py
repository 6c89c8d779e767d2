"""The encoders of a classifier's inputs: texts as token ids or as bags of n-grams, series
standardised.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ostinato.baselines import bag_of_words
from ostinato.baselines.bag_of_words import BagOfWords
from ostinato.data.batching.batch import Example
from ostinato.data.files.wording import pluralise
from ostinato.data.series.scaler import Scaler
from ostinato.data.text.characters import CharacterVocabulary
from ostinato.data.text.normalisation import SPACE, TextNormaliser
from ostinato.data.text.pretrained import Pretrained
from ostinato.data.text.subwords import sample_texts
from ostinato.data.text.tokenizers import (
    CharacterTokenizer,
    SubwordTokenizer,
    Tokenizer,
    WordTokenizer,
    tokenizer_from_dict,
    train_tokenizer,
)
from ostinato.data.text.vocabulary import UNK, Vocabulary
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.classification.image_encoder import ImageEncoder
from ostinato.tasks.classification.inputs import Inputs, require_array, require_text
from ostinato.tasks.classification.options import WORDS_AND_CHARACTERS, ClassificationOptions
from ostinato.tasks.shared.affix_buckets import choose_affix_buckets
from ostinato.tasks.shared.contextual_text import ContextualText, Words
from ostinato.tasks.shared.embedding_options import read_vectors
from ostinato.tasks.shared.small_data import (
    FEW_SEQUENCES,
    FEW_STEPS,
    LEAST_PART,
    MEMBERS,
    POSITION_FREE_POOLINGS,
    random_part,
)
from ostinato.tasks.unsuitable import Unsuitable

MANY_TEXTS = 500  # with at least this many, words seen once become <unk>
FEW_WORDS = 400_000  # texts of at most this many words train fast enough for several networks
CACHED_WORDS = 200_000  # words whose character ids are kept in memory
MOST_CHARACTERS = 3_000_000  # of all texts; more take too long for n-grams of characters
LETTERS = 5  # the longest n-grams of characters within words
SHORT = 3.0  # words of a text on average
MOST_COEFFICIENTS = 1_000_000  # of a bag of words as baseline: n-grams x labels


@dataclass(frozen=True)
class TextEncoder:
    """Encodes texts as token ids and, if the network reads characters, the ids of each word's.

    `contextual` are the language models of --embeddings RUN; `vectors` are pretrained embeddings,
    for initialisation only."""

    options: ClassificationOptions
    units: Tokenizer
    letters: CharacterVocabulary | None = None
    vectors: Pretrained | None = None
    contextual: ContextualText = ContextualText()
    cache: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def fit(
        cls, options: ClassificationOptions, texts: Sequence[str]
    ) -> tuple[ClassificationOptions, Self]:
        """Makes the vocabularies and reads pretrained vectors; decides crop, members and embedding
        size.
        """
        units = train_tokenizer(
            options.unit,
            sample_texts(texts) if options.unit == "subword" else texts,
            size=options.vocabulary_size or (8000 if options.unit == "subword" else 20_000),
            minimum_count=options.minimum_count or (2 if len(texts) >= MANY_TEXTS else 1),
            lowercase=options.lowercase,
            tokenized=options.tokenized,
        )
        most, letters, vectors = options.maximum_tokens, None, None
        longer = sum(count_longer(units, text, most) > 0 for text in texts)
        if longer:
            notify(
                f"{longer:,} {pluralise('text', longer)} longer than "
                f"{option_name('maximum_tokens')} {most:,}: "
                f"the {options.cut} is left out"
            )
        if options.reads_characters:
            letters = CharacterVocabulary.fit(map(units.normalise, texts))
            buckets = options.affix_buckets or choose_affix_buckets(len(units.id_to_token))
            options = replace(options, affix_buckets=buckets)
        if options.crop is None:
            options = replace(options, crop=1.0)
        if options.members is None:
            few = options.reads_characters and has_few_words(texts, most)
            options = replace(options, members=MEMBERS if few else 1)
        sources = options.find_embeddings()
        if sources.file is not None:
            vectors = read_vectors(sources.file, units.id_to_token)
            options = replace(options, embedding_size=vectors.vectors.shape[1])
        if sources.runs and options.unit != "word":
            raise InputError(
                f"{option_name('embeddings')} {sources.runs[0]}: the states of language models are "
                f"the vectors of words; give {option_name('unit')} word"
            )
        contextual = ContextualText.from_runs(
            sources.runs, (spaced_words(tokenize_words(units, text)) for text in texts)
        )
        return options, cls(options, units, letters, vectors, contextual)

    def to_dict(self) -> dict[str, Any]:
        letters = {} if self.letters is None else {"letters": self.letters.to_dict()}
        contextual = {"contextual": self.contextual.to_dict()} if self.contextual.tasks else {}
        return {"units": self.units.to_dict(), **letters, **contextual}

    def encode(self, inputs: Inputs, draw: int | None = None) -> Example:
        """The token ids [T] of a text, or of a random part of it with `draw`; <unk> for no
        tokens.
        """
        text, units = require_text(inputs), self.units
        reads_words = self.letters is not None or self.contextual.tasks
        if not reads_words or isinstance(units, SubwordTokenizer):
            ids = self.take_part(self.shorten(units.encode(text) or [UNK]), draw)
            return Example(torch.tensor(ids, dtype=torch.int64))
        pairs = self.take_part(self.shorten(tokenize_words(units, text) or [("", "")]), draw)
        words = [word for word, _ in pairs]
        return Example(
            torch.tensor(units.vocabulary.encode(words), dtype=torch.int64),
            None,
            None if self.letters is None else [self.spell(word) for word in words],
            self.contextual.read(spaced_words(pairs)) if self.contextual.tasks else None,
        )

    def take_part(self, tokens: list, draw: int | None) -> list:
        """A random part of the tokens, with the seed `draw`; all of them if it is None."""
        return tokens if draw is None else random_part(tokens, draw, float(self.options.crop or 1))

    def spell(self, token: str) -> tuple[int, ...]:
        """The ids of a word's characters; none for a model that reads no characters."""
        if self.letters is None:
            return ()
        if len(self.cache) > CACHED_WORDS:
            self.cache.clear()
        if token not in self.cache:
            self.cache[token] = self.letters.encode(token.removeprefix(SPACE))
        return self.cache[token]

    def shorten(self, tokens: list) -> list:
        return cut_tokens(tokens, self.options.maximum_tokens, self.options.cut)

    def count_cut(self, text: str) -> int:
        """The number of a text's tokens beyond the maximum."""
        return count_longer(self.units, text, self.options.maximum_tokens)

    def unknown_share(self, text: str) -> float:
        """The share of a text's tokens that are <unk>."""
        ids = self.units.encode(text)
        return ids.count(UNK) / len(ids) if ids else 0.0


def tokenize_words(units: Tokenizer, text: str) -> list[tuple[str, str]]:
    """The tokens of a text as the vocabulary has them, each with its own spelling.

    of lower-cased words: "It rains." -> ("▁it", "▁It"), ("▁rains", "▁rains"), (".", ".")"""
    words = units.tokenize(text)
    spelled = words
    if isinstance(units, WordTokenizer) and units.normaliser.lowercase:
        cased = replace(units, normaliser=replace(units.normaliser, lowercase=False))
        spelled = cased.tokenize(text)
    # lower case has another number of words in rare scripts alone
    return list(zip(words, spelled if len(spelled) == len(words) else words, strict=True))


def spaced_words(pairs: Sequence[tuple[str, str]]) -> Words:
    """The words of a text, as `tokenize_words` gives them, for language models."""
    marked = any(spelled.startswith(SPACE) for _, spelled in pairs)
    return Words(
        [spelled.removeprefix(SPACE) for _, spelled in pairs],
        [spelled.startswith(SPACE) for _, spelled in pairs] if marked else None,
    )


def has_few_words(texts: Iterable[str], most: int) -> bool:
    """Whether the texts have at most FEW_WORDS words, of each at most `most`; of many texts, only
    so many are read as tell."""
    words = accumulate(min(text.count(" ") + 1, most) for text in texts)
    return all(number <= FEW_WORDS for number in words)


def count_longer(units: Tokenizer, text: str, most: int) -> int:
    """The number of a text's tokens beyond `most`. A text of at most `most` characters cannot have
    more tokens than that, and is not tokenised.
    """
    return 0 if len(text) <= most else max(0, len(units.encode(text)) - most)


def cut_tokens(tokens: list, most: int, part: str) -> list:
    """Removes all but `most` tokens from the "end", "start" or "middle".

    cut_tokens([1, 2, 3], 2, "middle") -> [1, 3]
    """
    excess = len(tokens) - most
    if excess <= 0:
        return tokens
    start = {"end": most, "start": 0, "middle": (most + 1) // 2}[part]
    return tokens[:start] + tokens[start + excess :]


@dataclass(frozen=True)
class SeriesEncoder:
    """Series of numbers, each dimension standardised."""

    options: ClassificationOptions
    scaler: Scaler

    @classmethod
    def fit(
        cls, options: ClassificationOptions, series: Sequence[np.ndarray]
    ) -> tuple[ClassificationOptions, Self]:
        """Computes the mean and standard deviation of each dimension; decides crop and members."""
        if options.crop is None:
            few = (
                options.model in ("recurrent", "convolution")
                and options.pooling in POSITION_FREE_POOLINGS
                and len(series) < FEW_SEQUENCES
            )
            options = replace(options, crop=LEAST_PART if few else 1.0)
            if few:
                notify(
                    f"{len(series):,} series are few: training sees random parts, each at least "
                    f"half of a series ({option_name('crop')} 1: the whole)"
                )
        if options.members is None:
            few = options.model == "recurrent" and sum(map(len, series)) <= FEW_STEPS
            options = replace(options, members=MEMBERS if few else 1)
        return options, cls(options, Scaler.fit(series))

    def to_dict(self) -> dict[str, Any]:
        return {"scaler": self.scaler.to_dict()}

    def encode(self, inputs: Inputs, draw: int | None = None) -> Example:
        """A series [T, D], or a random part of it with `draw`."""
        series = require_array(inputs)
        if draw is not None:
            series = random_part(series, draw, float(self.options.crop or 1))
        return Example(torch.from_numpy(self.scaler(series)))


@dataclass(frozen=True)
class BagEncoder:
    """Encodes texts as weighted counts of their n-grams, of `letters` too if there are any."""

    options: ClassificationOptions
    bag: BagOfWords
    letters: BagOfWords | None = None

    @classmethod
    def fit(cls, options: ClassificationOptions, texts: Sequence[str], labels: int) -> Self:
        if not bag_of_words.available():
            raise Unsuitable(
                f"{option_name('model')} {options.model} needs scikit-learn; "
                "pip install 'ostinato[baselines]'"
            )
        minimum = options.minimum_count or (2 if len(texts) >= 100 else 1)
        most = max(1000, min(50_000, MOST_COEFFICIENTS // labels))
        weighting: str = options.weighting
        if options.model == WORDS_AND_CHARACTERS and weighting == "tf-idf":
            weighting = "log-tf-idf"
        # of texts of one or two words, such as names, no n-gram of words recurs
        reads_words = options.model != WORDS_AND_CHARACTERS or not has_short_texts(texts)
        bag = BagOfWords.fit(
            (split_text(options, text) for text in texts if reads_words),
            order=options.ngrams or default_order(options),
            weighting=weighting,
            most=most,
            minimum=minimum,
        )
        if options.model != WORDS_AND_CHARACTERS or sum(map(len, texts)) > MOST_CHARACTERS:
            return cls(options, bag)
        letters = BagOfWords.fit(
            (split_letters(options, text) for text in texts),
            order=1,
            weighting=weighting,
            most=most,
            minimum=minimum,
        )
        return cls(options, bag, letters)

    def to_dict(self) -> dict[str, Any]:
        letters = {} if self.letters is None else {"letters_bag": self.letters.to_dict()}
        return {"bag": self.bag.to_dict(), **letters}

    def __len__(self) -> int:
        return len(self.bag) + (0 if self.letters is None else len(self.letters))

    def vector(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """The ids and the values of a text's n-grams."""
        ids, values = self.bag.vector(split_text(self.options, text))
        if self.letters is None:
            return ids, values
        more, further = self.letters.vector(split_letters(self.options, text))
        more = np.where(more > 0, more + len(self.bag), 0)
        return np.concatenate([ids, more]), np.concatenate([values, further])

    def encode(self, inputs: Inputs, draw: int | None = None) -> Example:
        """[N, 2]: the id and the value of each n-gram of the text."""
        vector = self.vector(require_text(inputs))
        pairs: Tensor = torch.from_numpy(np.stack(vector, 1).astype(np.float32))
        return Example(pairs)


def has_short_texts(texts: Sequence[str]) -> bool:
    """Whether the texts have fewer than SHORT words on average."""
    return sum(text.count(" ") + 1 for text in texts) < SHORT * len(texts)


def split_letters(options: ClassificationOptions, text: str) -> list[str]:
    """The n-grams of characters within the words of a text."""
    spelling = TextNormaliser(options.lowercase, True)
    return bag_of_words.ngrams_of_words(spelling.normalise_spaces(text), LETTERS)


def default_order(options: ClassificationOptions) -> int:
    """The order of the longest n-grams by default, by model and unit."""
    if options.model == "character-ngrams":
        return 5
    return 4 if options.unit == "character" else 2


def split_text(options: ClassificationOptions, text: str) -> list[str]:
    """A text's words, or its characters where these are the unit."""
    spelling, no_words = TextNormaliser(options.lowercase, True), Vocabulary([])
    if options.model == "character-ngrams":  # with markers of its beginning and end
        return list(f"^{spelling.normalise_spaces(text)}$")
    if options.unit == "character":
        return CharacterTokenizer(no_words, spelling).tokenize(text)
    return WordTokenizer(no_words, spelling, options.tokenized).tokenize(text)


class NoEncoder:
    """For a model whose answer does not depend on the input."""

    def to_dict(self) -> dict[str, Any]:
        return {}

    def encode(self, inputs: Inputs, draw: int | None = None) -> Example:
        return Example(torch.zeros(1, dtype=torch.int64))


Encoder = TextEncoder | SeriesEncoder | ImageEncoder | BagEncoder | NoEncoder


def restore_encoder(options: ClassificationOptions, state: dict[str, Any]) -> Encoder:
    """Restores an encoder from the state that contains its `to_dict()`."""
    if "bag" in state:
        letters = state.get("letters_bag")
        return BagEncoder(
            options,
            BagOfWords.from_dict(state["bag"]),
            None if letters is None else BagOfWords.from_dict(letters),
        )
    if "image" in state:
        return ImageEncoder.from_dict(options, state["image"])
    if "scaler" in state:
        return SeriesEncoder(options, Scaler.from_dict(state["scaler"]))
    if "units" in state:
        letters = CharacterVocabulary.from_dict(state["letters"]) if "letters" in state else None
        contextual = ContextualText.from_dict(state.get("contextual", ()))
        units = tokenizer_from_dict(state["units"])
        return TextEncoder(options, units, letters, contextual=contextual)
    return NoEncoder()
