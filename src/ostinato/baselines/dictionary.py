"""Word-for-word translation with IBM model 1 (Brown et al. 1993, section 4.1).

    p(target word | source sentence) = 1 / (l + 1) sum_i t(target word | source word i)

where i = 0 is the null word. t is estimated by expectation maximisation: each target word is
distributed over the source words of its pair in proportion to t; counts are summed and normalised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

EMPTY = ""  # the null word of each source sentence, for target words without a translation
LONGEST = 100  # words; alignments of longer sentences are too ambiguous


class Dictionary:
    """The most probable translation of each source word; unknown words are copied.

    dictionary = Dictionary.fit([(["ein", "Hund"], ["a", "dog"]), ...])
    dictionary.translate(["Ein", "Hund"]) -> ["A", "dog"]
    """

    def __init__(self, translations: Mapping[str, str]):
        self.translations = dict(translations)

    @classmethod
    def fit(
        cls, pairs: Iterable[tuple[Sequence[str], Sequence[str]]], *, iterations: int = 5
    ) -> Dictionary:
        """Trains on pairs of token lists, case-insensitively; translations get their usual case.

        Raises:
            ValueError: There are no sentence pairs of 1 to LONGEST words.
        """
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
        """One word for each source word, in order; the first is capitalised if the source's is."""
        translated = [self.translations.get(token.lower(), token) for token in tokens]
        if tokens and tokens[0][:1].isupper():
            translated[0] = translated[0][:1].upper() + translated[0][1:]
        return translated

    def to_dict(self) -> dict[str, dict[str, str]]:
        """Contents for JSON, read by from_dict."""
        return {"translations": self.translations}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Mapping[str, str]]) -> Dictionary:
        """Raises ValueError if `saved` does not come from to_dict."""
        translations = saved.get("translations") if isinstance(saved, Mapping) else None
        if not isinstance(translations, Mapping) or not all(
            isinstance(word, str) for word in translations.values()
        ):
            raise ValueError("a saved dictionary must be {'translations': {word: word, ...}}")
        return cls(translations)


class IndexedSentences:
    """Lower-cased sentences as one array of word ids.

    Attributes:
        tokens: The ids of all words of all sentences.
        lengths: Words of each sentence.
        names: The word of each id.
    """

    def __init__(self, sentences: Iterable[Sequence[str]]):
        ids: dict[str, int] = {}
        tokens = [
            [ids.setdefault(word.lower(), len(ids)) for word in sentence] for sentence in sentences
        ]
        self.lengths = np.array([len(sentence) for sentence in tokens])
        self.tokens = np.array([number for sentence in tokens for number in sentence])
        self.names: Sequence[Any] = list(ids)

    @classmethod
    def from_ids(cls, sentences: Sequence[np.ndarray], size: int) -> IndexedSentences:
        """Sentences of ids below `size`, which are their own names."""
        made = cls(())
        made.lengths = np.array([len(sentence) for sentence in sentences])
        made.tokens, made.names = np.concatenate(list(sentences)), range(size)
        return made


class Links(NamedTuple):
    """All pairs of a target word and a source word of the same sentence pair.

    L links between P different pairs of words; N target words in the corpus.

    Attributes:
        pair: The index of each link's word pair [L].
        starts: Where the links of each target word begin [N].
        source: The source word of each pair [P].
        target: The target word of each pair [P].
    """

    pair: np.ndarray
    starts: np.ndarray
    source: np.ndarray
    target: np.ndarray


def link(sources: IndexedSentences, targets: IndexedSentences) -> Links:
    """Links each target word to all source words of its sentence pair."""
    lengths = np.repeat(sources.lengths, targets.lengths)  # links of each target word [N]
    begins = np.repeat(np.cumsum(sources.lengths) - sources.lengths, targets.lengths)
    starts = np.cumsum(lengths) - lengths
    within = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    source = sources.tokens[np.repeat(begins, lengths) + within]
    target = np.repeat(targets.tokens, lengths)
    different, pair = np.unique(source * len(targets.names) + target, return_inverse=True)
    return Links(pair, starts, different // len(targets.names), different % len(targets.names))


def expected_counts(links: Links, iterations: int) -> np.ndarray:
    """The expected number of alignments of each word pair [P] after `iterations` of EM."""
    probability = np.ones(len(links.source))
    sizes = np.diff(links.starts, append=len(links.pair))
    for _ in range(iterations):
        shares = probability[links.pair]
        shares /= np.repeat(np.add.reduceat(shares, links.starts), sizes)
        counts = np.bincount(links.pair, weights=shares)
        probability = counts / np.bincount(links.source, weights=counts)[links.source]
    return counts


def best_targets(links: Links, counts: np.ndarray) -> list[tuple[int, int]]:
    """(source word, best target word) for each source word; ties go to the lower id.

    Scored by p(target | source) p(source | target)^1/2. Without the second factor "." and "a",
    which occur with every word, win too often.
    """
    score = counts * np.sqrt(counts / np.bincount(links.target, weights=counts)[links.target])
    order = np.lexsort((links.target, -score, links.source))
    first = np.unique(links.source[order], return_index=True)[1]
    chosen = order[first]
    return list(zip(links.source[chosen].tolist(), links.target[chosen].tolist(), strict=True))


def usual_spelling(sentences: Iterable[Sequence[str]]) -> dict[str, str]:
    """usual_spelling([["A", "man"], ["a", "Swiss"]]) -> {"a": "a", "man": "man", "swiss": "Swiss"}

    The first word of a sentence only counts if the word occurs nowhere else, as it is capitalised.
    """
    counts: dict[str, Counter[str]] = {}
    for sentence in sentences:
        for position, word in enumerate(sentence):
            counts.setdefault(word.lower(), Counter())[word] += 1 if position == 0 else 1000
    return {name: spellings.most_common(1)[0][0] for name, spellings in counts.items()}
