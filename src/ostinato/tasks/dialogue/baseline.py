"""The baseline of dialogue: the reply to the most similar training utterance."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from ostinato.data.text.normalisation import TextNormaliser
from ostinato.data.text.sentence_pairs import Pair
from ostinato.data.text.tokenizers import Tokenizer, WordTokenizer
from ostinato.data.text.vocabulary import EOS, Vocabulary
from ostinato.metrics import METRICS
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.dialogue.options import DialogueOptions
from ostinato.tasks.prediction import Counts

WORDS = WordTokenizer(
    Vocabulary([]), TextNormaliser(lowercase=True)
)  # splits texts; its vocabulary is not used
KEPT = 50_000  # training pairs searched, the first ones


class Retrieval(Baseline):
    """Retrieval: the reply to the nearest training utterance, by the cosine of tf-idf vectors.

    Perplexity is that of a unigram model of the replies, with add-one smoothing.
    """

    name = "nearest utterance"

    def __init__(
        self,
        pairs: Sequence[Pair],
        counts: dict[int, int],
        units: Tokenizer,
        options: DialogueOptions,
    ):
        self.options = options
        self.pairs, self.counts, self.units = list(pairs), counts, units
        self.total = sum(counts.values()) + len(units)
        bags = [Counter(WORDS.tokenize(pair.source)) for pair in self.pairs]
        found = Counter(word for bag in bags for word in bag)
        self.rarity = {word: math.log((1 + len(bags)) / number) for word, number in found.items()}
        self.postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for row, bag in enumerate(bags):
            for word, weight in self.weights(bag).items():
                self.postings[word].append((row, weight))

    @classmethod
    def fit(cls, records: Sequence[Pair], units: Tokenizer, options: DialogueOptions) -> Retrieval:
        counts = Counter(number for pair in records for number in (*units.encode(pair.target), EOS))
        return cls(records[:KEPT], dict(counts), units, options)

    @classmethod
    def restore(
        cls, state: dict[str, Any], units: Tokenizer, options: DialogueOptions
    ) -> Retrieval:
        counts = {int(number): count for number, count in state["counts"].items()}
        return cls([Pair(*pair) for pair in state["pairs"]], counts, units, options)

    def state(self) -> dict[str, Any]:
        return {
            "pairs": [list(pair) for pair in self.pairs],
            "counts": {str(number): count for number, count in self.counts.items()},
        }

    def weights(self, bag: Counter) -> dict[str, float]:
        """The tf-idf vector of a bag of words, of length 1; unseen words are left out."""
        vector = {
            word: count * self.rarity[word] for word, count in bag.items() if word in self.rarity
        }
        norm = math.sqrt(sum(weight * weight for weight in vector.values()))
        return {word: weight / norm for word, weight in vector.items()} if norm else {}

    def answer(self, utterance: str) -> str:
        """The reply to the nearest training utterance; that of the first pair if no word is
        shared.
        """
        scores: dict[int, float] = defaultdict(float)
        for word, weight in self.weights(Counter(WORDS.tokenize(utterance))).items():
            for row, other in self.postings[word]:
                scores[row] += weight * other
        return self.pairs[max(scores, key=lambda row: (scores[row], -row)) if scores else 0].target

    def measure(self, records: Sequence[Pair]) -> dict[str, list[Counts]]:
        perplexity = [
            METRICS["perplexity"].count(*self.scored([*self.units.encode(pair.target), EOS]))
            for pair in records
        ]
        return {
            "perplexity": perplexity,
            **self.options.count_texts(
                [self.answer(pair.source) for pair in records],
                [pair.target for pair in records],
                ("bleu",),
            ),
        }

    def scored(self, tokens: Iterable[int]) -> tuple[float, int]:
        """(log-probability, number) of the tokens under the unigram model."""
        logs = [math.log((self.counts.get(token, 0) + 1) / self.total) for token in tokens]
        return sum(logs), len(logs)
