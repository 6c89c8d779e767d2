"""Taggers that are learned by counting, in a network's place: `ostinato train tagging --model hmm`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from ostinato.baselines.hmm_tagger import HmmTagger, MostFrequentTag, log_likelihood
from ostinato.data.text.conll import Sentence
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.decoding.viterbi import Path
from ostinato.errors import InputError
from ostinato.tasks.tagging.baseline import KINDS


class CountedTagger(nn.Module):
    """A hidden Markov model, or each word's most frequent tag; it has no weights, and answers as a network's search does."""

    def __init__(self, tagger: HmmTagger | MostFrequentTag, tags: Vocabulary):
        super().__init__()
        self.tagger, self.tags = tagger, tags

    @classmethod
    def restore(cls, kind: str, saved: dict[str, Any], tags: Vocabulary) -> CountedTagger:
        return cls(KINDS[kind].from_dict(saved), tags)

    def search(self, records: Sequence[Sentence], *, probabilities: bool) -> list[list[Path]]:
        """The best tagging of each record: its score is log P(words, tags), 0 where there are no probabilities."""
        known = isinstance(self.tagger, HmmTagger) and probabilities
        return [
            [
                Path(
                    self.tags.encode(tags),
                    log_likelihood(self.tagger, record.words, tags) if known else 0.0,
                )
            ]
            for record, tags in zip(
                records, self.tagger.tag([record.words for record in records]), strict=True
            )
        ]

    def log_probability(self, words: Sequence[str], tags: Sequence[str]) -> float:
        """log P(words, tags), up to a constant for each unknown word."""
        if not isinstance(self.tagger, HmmTagger):
            raise InputError(
                "a model of most frequent tags knows no probabilities; train with --model hmm or a recurrent one"
            )
        return log_likelihood(self.tagger, words, tags)
