"""Translation word for word, `--model dictionary`: a dictionary with a network's interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import nn

from ostinato.baselines.dictionary import Dictionary
from ostinato.data.text.sentence_pairs import Pair
from ostinato.data.text.tokenizers import WordTokenizer
from ostinato.data.text.vocabulary import Vocabulary

WORDS = WordTokenizer(Vocabulary([]))  # splits and joins texts; its vocabulary is not used


class WordTranslator(nn.Module):
    """Each word replaced by its most probable translation, in the order of the source (IBM
    model 1).

    It has no weights: what was fitted is part of the preprocessing.

    Args:
        dictionary: From words of the source language to words of the target language.
    """

    def __init__(self, dictionary: Dictionary):
        super().__init__()
        self.dictionary = dictionary

    @classmethod
    def fit(cls, records: Sequence[Pair]) -> Self:
        """Learns the dictionary from training pairs."""
        tokens = [(WORDS.tokenize(pair.source), WORDS.tokenize(pair.target)) for pair in records]
        return cls(Dictionary.fit(tokens))

    def translate(self, source: str) -> str:
        """The translation of a sentence, capitalised as the source is."""
        text = WORDS.detokenize(self.dictionary.translate(WORDS.tokenize(source)))
        return text[:1].upper() + text[1:] if source[:1].isupper() else text

    def unknown_share(self, source: str) -> float:
        """The share of a sentence's words that the dictionary does not have, and copies."""
        words = WORDS.tokenize(source)
        known = self.dictionary.translations
        return sum(word.lower() not in known for word in words) / max(1, len(words))

    def to_dict(self) -> dict[str, Any]:
        """Contents for JSON, read by from_dict."""
        return self.dictionary.to_dict()

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Raises ValueError if `saved` does not come from to_dict."""
        return cls(Dictionary.from_dict(saved))


class DictionaryAnswers(nn.Module):
    """A network that leaves its translations to a dictionary, which was better on the dev set.

    Probabilities, and what a dictionary cannot do, are the network's.

    Args:
        network: An encoder-decoder, or an ensemble of them.
        translator: The dictionary.
    """

    weight = 0.0  # of the network in the translations

    def __init__(self, network: nn.Module, translator: WordTranslator):
        super().__init__()
        self.network, self.translator = network, translator
