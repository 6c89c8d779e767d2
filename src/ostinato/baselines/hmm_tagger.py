"""Part-of-speech tagging with a hidden Markov model whose states are the tags.

    P(words, tags) = prod_t P(tag_t | tag_t-1) P(word_t | tag_t)

Estimated by counting, decoded by the Viterbi algorithm. Smoothing and unknown words as in TnT
(Brants 2000), for bigrams of tags: transitions are interpolated with the tag unigrams (section
2.2); an unknown word is scored by its longest suffix among rare words, each suffix length smoothed
with the next shorter one (section 2.3).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ostinato.decoding.viterbi import viterbi

RARE = 10  # the endings of words up to this frequency model unknown words
LONGEST_SUFFIX = 10
BATCH = 256  # sentences decoded at a time
Tagged = tuple[Sequence[str], Sequence[str]]  # words, tags


class HmmTagger:
    """A tagger: HmmTagger.fit([(["a", "dog"], ["DET", "NOUN"]), ...]).tag([["a", "cat"]])

    Args:
        tags: The K tags.
        steps: Counts of tag bigrams [K + 1, K + 1]; the last row is the beginning of a sentence,
            the last column its end.
        words: Tag counts of each word: {"a": {0: 21}}.
    """

    def __init__(self, tags: Sequence[str], steps: Tensor, words: Mapping[str, Mapping[int, int]]):
        self.tags, self.steps, self.words = list(tags), steps.double(), words
        size = len(self.tags)
        self.counts = torch.zeros(size, dtype=torch.float64)
        for given in words.values():
            for tag, count in given.items():
                self.counts[tag] += count
        self.transitions = interpolate_transitions(self.steps).log()
        self.endings = Endings(words, self.counts)
        self.scores: dict[str, Tensor] = {}

    @classmethod
    def fit(cls, sentences: Iterable[Tagged]) -> HmmTagger:
        """Counts tagged sentences; raises ValueError if there is no word."""
        ids: dict[str, int] = {}
        words: dict[str, Counter[int]] = {}
        pairs: Counter[tuple[int, int]] = Counter()
        for sentence, tags in sentences:
            before = -1
            for word, tag in zip(sentence, tags, strict=True):
                tag_id = ids.setdefault(tag, len(ids))
                words.setdefault(word, Counter())[tag_id] += 1
                pairs[before, tag_id] += 1
                before = tag_id
            pairs[before, -1] += 1
        if not ids:
            raise ValueError("a hidden Markov model needs tagged words to count; got none")
        steps = torch.zeros(len(ids) + 1, len(ids) + 1, dtype=torch.float64)
        for (before, tag_id), count in pairs.items():
            steps[before, tag_id] = count
        return cls(list(ids), steps, words)

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The most probable tags of each sentence."""
        found: list[list[str]] = [[] for _ in sentences]
        order = sorted(
            (row for row, sentence in enumerate(sentences) if sentence),
            key=lambda row: len(sentences[row]),
        )
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            emissions = [torch.stack([self.score(word) for word in sentences[row]]) for row in rows]
            padded = torch.nn.utils.rnn.pad_sequence(emissions, batch_first=True)
            lengths = torch.tensor([len(sentences[row]) for row in rows])
            paths = viterbi(
                padded,
                lengths,
                transitions=self.transitions[:-1, :-1],
                start=self.transitions[-1, :-1],
                end=self.transitions[:-1, -1],
            )
            for row, path in zip(rows, paths, strict=True):
                found[row] = [self.tags[label] for label in path.labels]
        return found

    def score(self, word: str) -> Tensor:
        """log P(word | tag) [K], up to a constant; -inf for tags that a known word never had."""
        if word not in self.scores:
            given = self.words.get(word)
            if given is None:
                self.scores[word] = self.endings.score(word)
            else:
                counts = torch.zeros_like(self.counts)
                for tag, count in given.items():
                    counts[tag] = count
                self.scores[word] = (counts / self.counts).log()
        return self.scores[word]

    def to_dict(self) -> dict[str, Any]:
        """Contents for JSON, read by from_dict."""
        return {
            "tags": self.tags,
            "steps": self.steps.long().tolist(),
            "words": {word: dict(given) for word, given in self.words.items()},
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> HmmTagger:
        """Raises ValueError if `saved` does not come from to_dict."""
        try:
            words = {
                word: {int(tag): int(count) for tag, count in given.items()}
                for word, given in saved["words"].items()
            }
            return cls(
                list(saved["tags"]), torch.tensor(saved["steps"], dtype=torch.float64), words
            )
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(
                f"a saved hidden Markov model must have tags, steps and words ({error})"
            ) from None


def interpolate_transitions(steps: Tensor) -> Tensor:
    """P(tag | previous tag): bigram and unigram frequencies mixed by deleted interpolation.

    Each bigram votes for the estimate that predicts it better when it is left out of the counts.

    Args:
        steps: Counts of tag bigrams [K + 1, K + 1].
    """
    before, after = steps.sum(1, keepdim=True), steps.sum(0)
    total = steps.sum()
    pair = (steps - 1) / (before - 1).clamp(min=1)
    single = ((after - 1) / (total - 1).clamp(min=1)).expand_as(pair)
    votes = steps[steps > 0]
    weight = float((votes * (pair > single)[steps > 0]).sum() / votes.sum())
    weight = min(max(weight, 0.01), 0.99)
    # add-one: a tag seen only at the beginning of sentences may still follow another
    frequencies = (after + 1) / (total + len(steps))
    return weight * steps / before.clamp(min=1) + (1 - weight) * frequencies


class Endings:
    """The distribution of tags given the suffix of a word and the case of its first letter."""

    def __init__(self, words: Mapping[str, Mapping[int, int]], counts: Tensor):
        self.frequencies = counts / counts.sum()
        # the weight of the next shorter suffix (Brants 2000, equation 10)
        self.theta = float(self.frequencies.std()) if len(counts) > 1 else 0.0
        rare = {word: given for word, given in words.items() if sum(given.values()) <= RARE}
        rare = rare or dict(words)
        self.suffixes: dict[tuple[str, str], Counter[int]] = {}
        for word, given in rare.items():
            for key in suffix_keys(word):
                self.suffixes.setdefault(key, Counter()).update(given)

    def score(self, word: str) -> Tensor:
        """log P(tag | suffix) - log P(tag) [K], which is log P(suffix | tag) up to a constant."""
        probability = self.frequencies
        for key in suffix_keys(word):
            given = self.suffixes.get(key)
            if given is None:
                break
            counts = torch.zeros_like(self.frequencies)
            for tag, count in given.items():
                counts[tag] = count
            probability = (counts / counts.sum() + self.theta * probability) / (1 + self.theta)
        return (probability + 1e-12).log() - self.frequencies.log()


def suffix_keys(word: str) -> list[tuple[str, str]]:
    """suffix_keys("Oslo") -> [("A", ""), ("A", "o"), ("A", "lo"), ...]: (kind, suffix)"""
    kind = "0" if any(letter.isdigit() for letter in word) else "A" if word[:1].isupper() else "a"
    return [
        (kind, word[len(word) - length :]) for length in range(min(LONGEST_SUFFIX, len(word)) + 1)
    ]


class MostFrequentTag:
    """The most frequent tag of each word; for unknown words the most frequent of all.

    MostFrequentTag.fit([(["a", "dog"], ["DET", "NOUN"])]).tag([["a", "cat"]]) -> [["DET", "DET"]]
    """

    def __init__(self, words: Mapping[str, str], otherwise: str):
        self.words, self.otherwise = words, otherwise

    @classmethod
    def fit(cls, sentences: Iterable[Tagged]) -> MostFrequentTag:
        """Counts tagged sentences; raises ValueError if there is no word."""
        counts: dict[str, Counter[str]] = {}
        overall: Counter[str] = Counter()
        for words, tags in sentences:
            for word, tag in zip(words, tags, strict=True):
                counts.setdefault(word, Counter())[tag] += 1
                overall[tag] += 1
        if not overall:
            raise ValueError("the most frequent tag needs tagged words to count; got none")
        otherwise = most_frequent(overall)
        return cls({word: most_frequent(given) for word, given in counts.items()}, otherwise)

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence."""
        return [
            [self.words.get(word, self.otherwise) for word in sentence] for sentence in sentences
        ]

    def to_dict(self) -> dict[str, Any]:
        """Contents for JSON, read by from_dict."""
        return {"words": dict(self.words), "otherwise": self.otherwise}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> MostFrequentTag:
        """Raises ValueError if `saved` does not come from to_dict."""
        words, otherwise = (
            (saved.get("words"), saved.get("otherwise"))
            if isinstance(saved, Mapping)
            else (None, None)
        )
        if not isinstance(words, Mapping) or not isinstance(otherwise, str):
            raise ValueError(
                "saved most frequent tags must be {'words': {word: tag, ...}, 'otherwise': tag}"
            )
        return cls(words, otherwise)


def most_frequent(counts: Counter[str]) -> str:
    """The most frequent tag; ties are broken alphabetically, not by the order of the data."""
    return min(counts, key=lambda tag: (-counts[tag], tag))


def log_likelihood(model: HmmTagger, words: Sequence[str], tags: Sequence[str]) -> float:
    """log P(words, tags) up to a constant per unknown word; -inf for an impossible tag."""
    ids = [model.tags.index(tag) for tag in tags]
    total = sum(float(model.score(word)[tag_id]) for word, tag_id in zip(words, ids, strict=True))
    path = [-1, *ids, -1]
    total += sum(
        float(model.transitions[before, after])
        for before, after in zip(path, path[1:], strict=False)
    )
    return total if math.isfinite(total) else -math.inf
