"""The baseline of translation: word for word by a dictionary that is learned from the training
pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostinato.baselines.dictionary import Dictionary
from ostinato.data.text.sentence_pairs import Pair
from ostinato.data.text.tokenizers import WordTokenizer
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.translation.options import TranslationOptions
from ostinato.tasks.translation.prediction import TEXT_METRICS

WORDS = WordTokenizer(Vocabulary([]))  # splits and joins texts; its vocabulary is not used


class WordForWord(Baseline):
    """Each word replaced by its most probable translation, in the order of the source (IBM
    model 1).
    """

    name = "word for word"

    def __init__(self, dictionary: Dictionary, options: TranslationOptions):
        self.dictionary, self.options = dictionary, options

    @classmethod
    def fit(cls, records: Sequence[Pair], options: TranslationOptions) -> WordForWord:
        return cls(
            Dictionary.fit(
                [(WORDS.tokenize(pair.source), WORDS.tokenize(pair.target)) for pair in records]
            ),
            options,
        )

    @classmethod
    def restore(cls, state: dict[str, Any], options: TranslationOptions) -> WordForWord:
        return cls(Dictionary.from_dict(state), options)

    def measure(self, records: Sequence[Pair]) -> dict[str, list[Counts]]:
        return self.options.count_texts(
            [self.translate(pair.source) for pair in records],
            [pair.target for pair in records],
            TEXT_METRICS,
        )

    def translate(self, source: str) -> str:
        text = WORDS.detokenize(self.dictionary.translate(WORDS.tokenize(source)))
        return text[:1].upper() + text[1:] if source[:1].isupper() else text

    def state(self) -> dict[str, Any]:
        return self.dictionary.to_dict()
