"""Taggers fitted by counting, in place of a network: `ostinato train tagging --model hmm`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from ostinato.baselines.hmm_tagger import HmmTagger, MostFrequentTag, log_likelihood
from ostinato.data.text.sentence import Sentence
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.decoding.viterbi import Path
from ostinato.errors import InputError

CountingTagger = HmmTagger | MostFrequentTag
COUNTING_TAGGERS: dict[str, type[HmmTagger] | type[MostFrequentTag]] = {
    "hmm": HmmTagger,
    "most-frequent": MostFrequentTag,
}


class ClosedFormTagger(nn.Module):
    """A hidden Markov model, or each word's most frequent tag, with the interface of a network.

    It has no weights: what was counted is part of the preprocessing.

    Args:
        model: Its name in COUNTING_TAGGERS.
        counted: `to_dict()` of the fitted tagger.
        tags: The ids of its tags.
    """

    def __init__(self, model: str, counted: dict[str, Any], tags: Vocabulary):
        super().__init__()
        self.model, self.tags = model, tags
        self.tagger: CountingTagger = COUNTING_TAGGERS[model].from_dict(counted)

    def search(self, records: Sequence[Sentence], *, probabilities: bool) -> list[list[Path]]:
        """The best tagging of each record; its score is log P(words, tags), 0 if not asked for."""
        taggings = self.tagger.tag([record.words for record in records])
        return [
            [Path(self.tags.encode(tags), self.score(record.words, tags) if probabilities else 0.0)]
            for record, tags in zip(records, taggings, strict=True)
        ]

    def score(self, words: Sequence[str], tags: Sequence[str]) -> float:
        """log P(words, tags) of a hidden Markov model; 0 for most frequent tags."""
        if not isinstance(self.tagger, HmmTagger):
            return 0.0
        return log_likelihood(self.tagger, words, tags)

    def log_probability(self, words: Sequence[str], tags: Sequence[str]) -> float:
        """log P(words, tags), up to a constant for each unknown word."""
        if not isinstance(self.tagger, HmmTagger):
            raise InputError(
                "a model of most frequent tags knows no probabilities; "
                "train with --model hmm or a recurrent one"
            )
        return log_likelihood(self.tagger, words, tags)
