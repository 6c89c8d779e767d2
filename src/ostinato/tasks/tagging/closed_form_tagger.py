"""Taggers other than neural networks: `ostinato train tagging --model hmm`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from ostinato.baselines.feature_crf import FeatureCrf
from ostinato.baselines.hmm_tagger import HmmTagger, MostFrequentTag, log_likelihood
from ostinato.data.text.sentence import Sentence
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.decoding.viterbi import Path
from ostinato.errors import InputError, option_name

FittedTagger = HmmTagger | MostFrequentTag | FeatureCrf
CLOSED_FORM_TAGGERS: dict[str, type[HmmTagger] | type[MostFrequentTag] | type[FeatureCrf]] = {
    "hmm": HmmTagger,
    "feature-crf": FeatureCrf,
    "most-frequent": MostFrequentTag,
}


class ClosedFormTagger(nn.Module):
    """A hidden Markov model, a CRF on word features, or each word's most frequent tag, with the
    interface of a network.

    It has no weights: its parameters are part of the preprocessing.

    Args:
        model: Its name in CLOSED_FORM_TAGGERS.
        counted: `to_dict()` of the fitted tagger.
        tags: The ids of its tags.
    """

    def __init__(self, model: str, counted: dict[str, Any], tags: Vocabulary):
        super().__init__()
        self.model, self.tags = model, tags
        self.tagger: FittedTagger = CLOSED_FORM_TAGGERS[model].from_dict(counted)

    def search(self, records: Sequence[Sentence], *, probabilities: bool) -> list[list[Path]]:
        """The best tagging of each record, with its `score` (0 unless `probabilities`)."""
        taggings = self.tagger.tag([record.words for record in records])
        return [
            [Path(self.tags.encode(tags), self.score(record.words, tags) if probabilities else 0.0)]
            for record, tags in zip(records, taggings, strict=True)
        ]

    def score(self, words: Sequence[str], tags: Sequence[str]) -> float:
        """log P(words, tags) of a hidden Markov model, log P(tags | words) of a conditional random
        field; 0 for most frequent tags.
        """
        if isinstance(self.tagger, FeatureCrf):
            return self.tagger.log_probability(words, tags)
        if not isinstance(self.tagger, HmmTagger):
            return 0.0
        return log_likelihood(self.tagger, words, tags)

    def log_probability(self, words: Sequence[str], tags: Sequence[str]) -> float:
        """Like `score`; for a hidden Markov model up to a constant for each unknown word.

        Raises:
            InputError: The model has no probabilities.
        """
        if isinstance(self.tagger, FeatureCrf):
            return self.tagger.log_probability(words, tags)
        if not isinstance(self.tagger, HmmTagger):
            raise InputError(
                "a model of most frequent tags has no probabilities; "
                f"train with {option_name('model')} hmm, {option_name('model')} feature-crf or "
                "a recurrent one"
            )
        return log_likelihood(self.tagger, words, tags)
