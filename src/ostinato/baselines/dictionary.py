"""Word for word: a dictionary learned from sentence pairs, IBM model 1 (Brown et al. 1993, section 4.1).

    p(target word | source sentence) = 1 / (l + 1) sum_i t(target word | source word i), where i = 0 is the empty word

Expectation maximisation finds t: share each target word out among its pair's source words in proportion to t; count;
divide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

EMPTY = ""  # the null word of each source sentence, for target words without a translation
LONGEST = 100  # words; alignments of longer sentences are too ambiguous


class Dictionary:
    """The likeliest translation of each source word. Words it never saw stay as they are.

    Dictionary.fit([(["ein", "Hund"], ["a", "dog"]), ...]).translate(["Ein", "Hund"]) -> ["A", "dog"]"""

    def __init__(self, translations: Mapping[str, str]):
        self.translations = dict(translations)

    @classmethod
    def fit(
        cls, pairs: Iterable[tuple[Sequence[str], Sequence[str]]], *, iterations: int = 5
    ) -> Dictionary:
        """Learns from pairs of token lists; upper and lower case are one, and written as they mostly are."""
        pairs = [(source, target) for source, target in pairs if source and target]
        pairs = [pair for pair in pairs if max(map(len, pair)) <= LONGEST]
        if not pairs:
            raise ValueError(f"a dictionary needs sentence pairs of 1 to {LONGEST} words; got none")
        sources = IndexedSentences([EMPTY, *source] for source, _ in pairs)
        targets = IndexedSentences(target for _, target in pairs)
        links = link(sources, targets)
        best = best_targets(links, expected_counts(links, iterations))
        usual = usual_spelling(target for _, target in pairs)
        return cls(
            {
                sources.names[source]: usual[targets.names[target]]
                for source, target in best
                if sources.names[source] != EMPTY
            }
        )

    def translate(self, tokens: Sequence[str]) -> list[str]:
        """As many words as came, in the same order, the first with a capital if it had one."""
        translated = [self.translations.get(token.lower(), token) for token in tokens]
        if tokens and tokens[0][:1].isupper():
            translated[0] = translated[0][:1].upper() + translated[0][1:]
        return translated

    def to_dict(self) -> dict[str, dict[str, str]]:
        """What JSON can hold, and from_dict takes back."""
        return {"translations": self.translations}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Mapping[str, str]]) -> Dictionary:
        """ValueError if `saved` is not what to_dict() gave."""
        translations = saved.get("translations") if isinstance(saved, Mapping) else None
        if not isinstance(translations, Mapping) or not all(
            isinstance(word, str) for word in translations.values()
        ):
            raise ValueError("a saved dictionary must be {'translations': {word: word, ...}}")
        return cls(translations)


class IndexedSentences:
    """The sentences' words, lower-cased, as one array of numbers; `names` of these; `lengths` of the sentences."""

    def __init__(self, sentences: Iterable[Sequence[str]]):
        numbers: dict[str, int] = {}
        tokens = [
            [numbers.setdefault(word.lower(), len(numbers)) for word in sentence]
            for sentence in sentences
        ]
        self.lengths = np.array([len(sentence) for sentence in tokens])
        self.tokens = np.array([number for sentence in tokens for number in sentence])
        self.names = list(numbers)


class Links(NamedTuple):
    """Every target word of the corpus with every source word of its pair: L links, between P different words.

    pair    [L] which different pair of words each is
    starts  [N] where the links of each of N target words begin
    source  [P] the pairs' source words;  target  [P] their target words
    """

    pair: np.ndarray
    starts: np.ndarray
    source: np.ndarray
    target: np.ndarray


def link(sources: IndexedSentences, targets: IndexedSentences) -> Links:
    lengths = np.repeat(sources.lengths, targets.lengths)  # links of each target word [N]
    begins = np.repeat(np.cumsum(sources.lengths) - sources.lengths, targets.lengths)
    starts = np.cumsum(lengths) - lengths
    within = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    source = sources.tokens[np.repeat(begins, lengths) + within]
    target = np.repeat(targets.tokens, lengths)
    different, pair = np.unique(source * len(targets.names) + target, return_inverse=True)
    return Links(pair, starts, different // len(targets.names), different % len(targets.names))


def expected_counts(links: Links, iterations: int) -> np.ndarray:
    """How often each pair of words [P] is expected to stand for each other, after so many iterations."""
    probability = np.ones(len(links.source))
    sizes = np.diff(links.starts, append=len(links.pair))
    for _ in range(iterations):
        shares = probability[links.pair]
        shares /= np.repeat(np.add.reduceat(shares, links.starts), sizes)
        counts = np.bincount(links.pair, weights=shares)
        probability = counts / np.bincount(links.source, weights=counts)[links.source]
    return counts


def best_targets(links: Links, counts: np.ndarray) -> list[tuple[int, int]]:
    """(source word, its best target word) for each source word; of equal ones the first seen.

    By p(target | source) p(source | target)^1/2: without the second, "." and "a", found beside all, win too often."""
    score = counts * np.sqrt(counts / np.bincount(links.target, weights=counts)[links.target])
    order = np.lexsort((links.target, -score, links.source))
    first = np.unique(links.source[order], return_index=True)[1]
    chosen = order[first]
    return list(zip(links.source[chosen].tolist(), links.target[chosen].tolist(), strict=True))


def usual_spelling(sentences: Iterable[Sequence[str]]) -> dict[str, str]:
    """usual_spelling([["A", "man"], ["a", "Swiss"]]) -> {"a": "a", "man": "man", "swiss": "Swiss"}

    A sentence's first word is counted only where nothing else is known of it: its capital says nothing."""
    counts: dict[str, Counter[str]] = {}
    for sentence in sentences:
        for position, word in enumerate(sentence):
            counts.setdefault(word.lower(), Counter())[word] += 1 if position == 0 else 1000
    return {name: spellings.most_common(1)[0][0] for name, spellings in counts.items()}
