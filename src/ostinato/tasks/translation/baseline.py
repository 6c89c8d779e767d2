"""The baseline of translation: word-for-word translation by a learned dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostinato.data.text.sentence_pairs import Pair
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.translation.options import TranslationOptions
from ostinato.tasks.translation.prediction import TEXT_METRICS
from ostinato.tasks.translation.word_translator import WordTranslator


class WordForWord(Baseline):
    """Replaces each source word by its most probable translation under IBM model 1."""

    name = "word for word"

    def __init__(self, translator: WordTranslator, options: TranslationOptions):
        self.translator, self.options = translator, options

    @classmethod
    def fit(cls, records: Sequence[Pair], options: TranslationOptions) -> WordForWord:
        return cls(WordTranslator.fit(records), options)

    @classmethod
    def restore(cls, state: dict[str, Any], options: TranslationOptions) -> WordForWord:
        return cls(WordTranslator.from_dict(state), options)

    def measure(self, records: Sequence[Pair]) -> dict[str, list[Counts]]:
        return self.options.count_texts(
            [self.translator.translate(pair.source) for pair in records],
            [pair.target for pair in records],
            TEXT_METRICS,
        )

    def state(self) -> dict[str, Any]:
        return self.translator.to_dict()
