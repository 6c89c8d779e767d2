"""The tokenizer, models fitted in closed form, and texts as token ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from ostinato.baselines.hidden_markov_model import HiddenMarkovModel
from ostinato.baselines.ngram import NGram
from ostinato.data.batching.batch import Example
from ostinato.data.batching.bptt_stream import BpttStream
from ostinato.data.text.corpus import Corpus, Line
from ostinato.data.text.pretrained import Pretrained
from ostinato.data.text.streaming_detokenizer import StreamingDetokenizer
from ostinato.data.text.tokenizers import (
    CharacterTokenizer,
    Tokenizer,
    tokenizer_from_dict,
    train_tokenizer,
)
from ostinato.data.text.vocabulary import BOS, EOS, PAD, UNK
from ostinato.errors import option_name, option_off
from ostinato.notices import notify
from ostinato.tasks.language.encoded_text import EncodedText, encode_lines
from ostinato.tasks.language.options import LanguageOptions
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.shared.embedding_options import read_vectors
from ostinato.tasks.shared.ngram_network import describe_tensors, ngram_to_tensors

NGRAM_TOKENS = 20_000_000  # n-grams are counted in at most this many tokens
HMM_TOKENS = 1_000_000  # a hidden Markov model is fitted to at most this many tokens
SUBWORD_CHARACTERS = 50_000_000  # subwords are learned from about this many characters
TOKENIZED_CHARACTERS = 1 << 20  # read to detect whether a text is tokenised
IMPOSSIBLE = (PAD, BOS)  # tokens of probability 0


@dataclass(frozen=True)
class LanguagePreprocessing(Preprocessing):
    """The tokenizer, and the counts or probabilities of a model fitted in closed form.

    Args:
        options: The task's options.
        tokenizer: The tokenizer of the text.
        counted: Types and shapes of a closed-form model's tensors; None for a recurrent network.
        fitted: These tensors, set by `fit` only.
        vectors: Pretrained embeddings, set by `fit` only.
        encoded: A cache of encoded texts, kept as long as their records exist.
    """

    options: LanguageOptions
    tokenizer: Tokenizer
    counted: Mapping[str, Sequence[Any]] | None = None
    fitted: Mapping[str, Tensor] | None = field(default=None, repr=False, compare=False)
    vectors: Pretrained | None = field(default=None, repr=False, compare=False)
    encoded: WeakKeyDictionary[Corpus, EncodedText] = field(
        default_factory=WeakKeyDictionary, repr=False, compare=False
    )

    @classmethod
    def fit(cls, options: LanguageOptions, records: Corpus) -> tuple[LanguageOptions, Self]:
        tokenized = options.tokenized
        if tokenized is None:
            tokenized = options.unit == "word" and is_tokenized(records)
            if tokenized:
                notify(
                    "the text is tokenised already: words are separated by spaces "
                    f"(else: {option_off('tokenized')})"
                )
            options = replace(options, tokenized=tokenized)
        tokenizer = train_tokenizer(
            options.unit,
            vocabulary_texts(options.unit, records),
            size=options.vocabulary_size or options.unit_defaults.vocabulary_size,
            minimum_count=options.minimum_count,
            lowercase=options.lowercase,
            tokenized=tokenized,
        )
        vectors = None
        if options.embeddings is not None:
            vectors = read_vectors(options.embeddings, tokenizer.id_to_token)
            options = replace(options, embedding_size=vectors.vectors.shape[1])
        preprocessing = cls(options, tokenizer, vectors=vectors)
        if options.closed_form:
            fitted = preprocessing.fit_closed_form(records)
            preprocessing = replace(preprocessing, counted=describe_tensors(fitted), fitted=fitted)
        return options, preprocessing

    def fit_closed_form(self, records: Corpus) -> dict[str, Tensor]:
        """The tensors of a closed-form --model, fitted to the text."""
        options = self.options
        if options.model == "hmm":
            ids = self.encode_text(records).ids[:HMM_TOKENS]
            model = HiddenMarkovModel.fit(
                torch.from_numpy(np.append(self.line_end, ids).astype(np.int64)),
                states=options.states,
                size=len(self.tokenizer),
                iterations=options.iterations,
            )
            return model._asdict()
        order = 1 if options.model == "unigram" else options.ngram_order
        return ngram_to_tensors(self.count_ngrams(records, order))

    def count_ngrams(self, records: Corpus, order: int) -> NGram:
        """A Kneser-Ney model; contexts cross line boundaries with --unit character only."""
        return NGram.fit(
            self.encode_text(records).ids[:NGRAM_TOKENS],
            order=order,
            size=len(self.tokenizer),
            first=self.line_end,
            boundary=self.line_end,
            across=self.options.unit == "character",
            impossible=IMPOSSIBLE,
        )

    @property
    def ngram_line_end(self) -> int | None:
        """The token that ends a line, if the contexts of an n-gram model cross lines; else None."""
        return self.line_end if self.options.unit == "character" else None

    def vocabulary(self, side: str) -> Sequence[str]:
        return self.tokenizer.id_to_token

    def to_dict(self) -> dict[str, Any]:
        return {"units": self.tokenizer.to_dict(), "counted": self.counted}

    @classmethod
    def from_dict(cls, options: LanguageOptions, state: dict[str, Any]) -> Self:
        return cls(options, tokenizer_from_dict(state["units"]), state["counted"])

    @property
    def line_end(self) -> int:
        """The id of the token that ends a line; it is also the context of a text's first token."""
        if isinstance(self.tokenizer, CharacterTokenizer):
            return self.tokenizer.vocabulary.token_ids.get("\n", EOS)
        return EOS

    @property
    def never_generated(self) -> tuple[int, ...]:
        """The ids of the tokens that are never generated."""
        return (PAD, UNK, BOS, *([EOS] if self.line_end != EOS else []))

    def ids(self, line: Line) -> list[int]:
        """The token ids of a line in the order in which the model reads them, with the token that
        ends it.
        """
        ids = self.tokenizer.encode(line.text)
        if self.options.direction == "backward":
            ids.reverse()
        return [*ids, *([self.line_end] if line.ended else [])]

    def encode(self, record: Line, *, draw: int | None = None) -> Example:
        ids = torch.tensor([self.line_end, *self.ids(record)], dtype=torch.int64)
        return Example(ids[:-1], ids[1:])

    def encode_text(self, records: Sequence[Line]) -> EncodedText:
        """All lines as one sequence of token ids; the result is cached while the records exist."""
        if not isinstance(records, Corpus):
            records = Corpus.from_lines(records)
        if records not in self.encoded:
            self.encoded[records] = encode_lines(records, self.ids, self.tokenizer)
        return self.encoded[records]

    def prompt_ids(self, text: str) -> list[int]:
        """The token ids of a prompt, preceded by the context of a text's first token."""
        lines = [text] if self.options.unit == "character" else text.split("\n")
        ids = [token for line in lines for token in self.ids(Line(line))]
        return [self.line_end, *ids[:-1]]

    def continue_text(self, text: str, ids: Iterable[int]) -> str:
        """Decodes tokens that continue `text`."""
        return "".join(map(StreamingDetokenizer(self.tokenizer, after=text), ids))

    def batches(
        self,
        records: Corpus,
        *,
        batch_size: int | None,
        batch_tokens: int | None,
        seed: int,
    ) -> BpttStream:
        chunk = self.options.chunk
        sizes = (batch_size, batch_tokens and max(1, batch_tokens // chunk))
        rows = min(size for size in sizes if size)
        streams = BpttStream(
            self.encode_text(records).ids,
            first=self.line_end,
            rows=rows,
            chunk=chunk,
            seed=seed,
            rotate=self.options.rotate,
            vary=self.options.vary_chunk,
        )
        if streams.rows < rows:
            notify(
                f"a short text: {streams.rows} streams of {option_name('chunk')} {chunk} "
                f"instead of {option_name('batch_size')} {rows}"
            )
        return streams


def vocabulary_texts(unit: str, records: Corpus) -> Iterator[str]:
    """The texts that a tokenizer of this unit is trained on."""
    if unit == "character":
        return (line.text + "\n" if line.ended else line.text for line in records)
    if unit == "word":
        return (line.text for line in records)
    first = records[:1000]
    size = sum(len(line.text) + 1 for line in first) / max(1, len(first)) * len(records)
    # a very long text: every k-th line
    return (line.text for line in records[:: max(1, round(size / SUBWORD_CHARACTERS))])


def is_tokenized(records: Iterable[Line]) -> bool:
    """Whether commas, semicolons and question marks are separate words, as in "well , is it ?"."""
    characters = words = attached = 0
    for line in records:
        chunks = line.text.split()
        words += len(chunks)
        attached += sum(
            len(chunk) > 1 and chunk[-1] in ",;?!" and chunk[0].isalnum() for chunk in chunks
        )
        characters += len(line.text)
        if characters > TOKENIZED_CHARACTERS:
            break
    return words > 0 and attached < 0.001 * words
