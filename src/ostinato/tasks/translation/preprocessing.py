"""Preprocessing of sentence pairs: tokenizers with vocabularies, and pairs as token ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from ostinato.data.batching.batch import Example
from ostinato.data.files.wording import pluralise
from ostinato.data.stored.stored_records import map_records, select_records
from ostinato.data.text.pretrained import Pretrained
from ostinato.data.text.sentence_pairs import Pair
from ostinato.data.text.subwords import sample_texts
from ostinato.data.text.tokenizers import (
    SubwordTokenizer,
    Tokenizer,
    tokenizer_from_dict,
    train_tokenizer,
)
from ostinato.data.text.vocabulary import EOS
from ostinato.errors import InputError, option_name
from ostinato.metrics.bleu import choose_tokenizer
from ostinato.notices import notify
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.shared.embedding_options import read_vectors
from ostinato.tasks.shared.text_scores import too_short_for_bleu
from ostinato.tasks.translation.fit_lexicon import fit_lexicon
from ostinato.tasks.translation.options import TranslationOptions
from ostinato.tasks.translation.word_translator import WordTranslator


@dataclass(frozen=True)
class TranslationPreprocessing(Preprocessing):
    """The tokenizers of source and target, and the encoding of sentence pairs.

    `translator` is the dictionary of `--model dictionary`.

    `source_vectors` and `target_vectors` are pretrained embeddings, and `lexicon` the buffers of
    the network's Lexicon, for initialisation only."""

    encoding_options: ClassVar = ("maximum_tokens", "reverse_source")

    options: TranslationOptions
    source: Tokenizer
    target: Tokenizer
    source_vectors: Pretrained | None = None
    target_vectors: Pretrained | None = None
    translator: WordTranslator | None = None
    lexicon: Mapping[str, Tensor] | None = None

    @classmethod
    def fit(
        cls, options: TranslationOptions, records: Sequence[Pair]
    ) -> tuple[TranslationOptions, Self]:
        sources: Sequence[str] = map_records(lambda pair: pair.source, records)
        targets: Sequence[str] = map_records(lambda pair: pair.target, records)
        bleu_tokenizer = options.bleu_tokenizer or choose_tokenizer(targets)
        options = replace(options, bleu_tokenizer=bleu_tokenizer)
        if options.dev_metric is None:
            short = too_short_for_bleu(targets, bleu_tokenizer)
            options = replace(options, dev_metric="chrf" if short else "bleu")
        train = partial(
            train_tokenizer,
            options.unit,
            minimum_count=options.minimum_count,
            lowercase=options.lowercase,
            tokenized=options.tokenized,
        )
        size = options.vocabulary_size
        if options.unit == "subword":
            sources, targets = sample_texts(sources), sample_texts(targets)
        if options.joint_vocabulary:
            source = target = train(chain(sources, targets), size=size)
        else:
            source_size = options.source_vocabulary_size or size
            target_size = options.target_vocabulary_size or size
            source = train(sources, size=source_size)
            target = train(targets, size=target_size)
        source_vectors = target_vectors = None
        if options.embeddings is not None:
            source_vectors = read_vectors(options.embeddings, source.id_to_token)
            options = replace(options, embedding_size=source_vectors.vectors.shape[1])
        if options.target_embeddings is not None:
            target_vectors = read_vectors(options.target_embeddings, target.id_to_token)
            size = target_vectors.vectors.shape[1]
            if source_vectors is not None and size != options.embedding_size:
                raise InputError(
                    f"{option_name('target_embeddings')} {options.target_embeddings}: vectors of "
                    f"{size} numbers; "
                    f"those of the source have {options.embedding_size}"
                )
            options = replace(options, embedding_size=size)
        translator = WordTranslator.fit(records) if options.closed_form else None
        made = cls(options, source, target, source_vectors, target_vectors, translator)
        if not options.lexicon:
            return options, made
        found = made.with_lexicon(records)
        return found.options, found

    def with_lexicon(self, records: Sequence[Pair], seconds: float | None = None) -> Self:
        """A copy for a network with a Lexicon, fitted to the pairs in at most about `seconds`; the
        same without one where no pairs can be aligned.
        """
        backwards = self.options.reverse_source
        lexicon = fit_lexicon(
            self.source, self.target, records, reverse_source=backwards, seconds=seconds
        )
        options = replace(self.options, lexicon=lexicon is not None)
        return replace(self, options=options, lexicon=lexicon)

    def vocabulary(self, side: str) -> Sequence[str]:
        return (self.source if side == "inputs" else self.target).id_to_token

    def to_dict(self) -> dict[str, Any]:
        state = {"source": self.source.to_dict()}
        if self.target is not self.source:
            state["target"] = self.target.to_dict()
        if self.translator is not None:
            state["dictionary"] = self.translator.to_dict()
        return state

    @classmethod
    def from_dict(cls, options: TranslationOptions, state: dict[str, Any]) -> Self:
        source = tokenizer_from_dict(state["source"])
        target = tokenizer_from_dict(state["target"]) if "target" in state else source
        if not options.closed_form:
            return cls(options, source, target)
        translator = WordTranslator.from_dict(state["dictionary"])
        return cls(options, source, target, translator=translator)

    def trainable_records(self, records: Sequence[Pair]) -> Sequence[Pair]:
        most = self.options.maximum_tokens
        short = select_records(
            lambda pair: (
                self.fits(self.source, pair.source) and self.fits(self.target, pair.target)
            ),
            records,
        )
        if not short:
            raise InputError(
                f"no training pair has {option_name('maximum_tokens')} {most} or less on both sides"
            )
        if left_out := len(records) - len(short):
            notify(
                f"{left_out:,} {pluralise('pair', left_out)} of more than {most} tokens "
                "left out of training"
            )
        return short

    def fits(self, units: Tokenizer, text: str) -> bool:
        """Whether a text has at most the maximum number of tokens."""
        most = self.options.maximum_tokens
        # a text cannot have more tokens than characters, so short ones are not tokenised
        return len(text) < most or len(units.encode(text)) <= most

    def encode(self, record: Pair, *, draw: int | None = None) -> Example:
        source = self.ids(self.source, record.source, draw)
        target = self.ids(self.target, record.target, draw)
        if self.options.reverse_source:
            source = source[::-1]
        return Example(
            torch.tensor(source, dtype=torch.int64),  # [S]
            torch.tensor([*target, EOS], dtype=torch.int64),  # [T]
        )

    def count_cut(self, record: Pair) -> int:
        most = self.options.maximum_tokens
        # a text of fewer characters needs no tokenizer to tell
        short = len(record.source) <= most or self.translator is not None  # which reads all
        return 0 if short else max(0, len(self.source.encode(record.source)) - most)

    @property
    def varies(self) -> bool:
        return self.options.subword_sampling > 0 and self.options.unit == "subword"

    def ids(self, units: Tokenizer, text: str, draw: int | None) -> list[int]:
        """The token ids of a text, cut to the maximum; with the seed `draw`, by a random
        segmentation (BPE-dropout).
        """
        most = self.options.maximum_tokens
        if draw is None or not isinstance(units, SubwordTokenizer):
            return units.encode(text)[:most]
        return units.encode(text, sample=draw, alpha=self.options.subword_sampling)[:most]
