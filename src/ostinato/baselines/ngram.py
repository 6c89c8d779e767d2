"""Interpolated, modified Kneser-Ney n-grams: what a language model without a hidden state can do.

    p_k(w | h) = max(a(h w) - D(a(h w)), 0) / sum_w a(h w) + gamma(h) p_{k-1}(w | h without its first token)

a counts occurrences at the highest order, below it in how many different contexts "h w" stands; D is one of three discounts
for a = 1, 2 and 3 or more, estimated from counts of counts; gamma(h) is the probability that the discounts set free; the
unigrams are mixed with the uniform distribution. Source: Chen and Goodman 1998, section 3; Kneser and Ney 1995."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

# discounts where there is too little text to estimate them (those of KenLM)
DEFAULT_DISCOUNTS = (0.5, 1.0, 1.5)


class Level(NamedTuple):
    """All n-grams of one order, sorted by context and last token.

    tokens    [M] the last token of each
    starts    [contexts + 1] where those of each context (an n-gram of the order below) begin
    counts    [M] a(h w)
    """

    tokens: np.ndarray
    starts: np.ndarray
    counts: np.ndarray


class Prepared(NamedTuple):
    """A level as it is asked: `keys` [M] to search in; each context's `total` and `gamma`; each n-gram's discounted `share`."""

    keys: np.ndarray
    totals: np.ndarray
    gammas: np.ndarray
    shares: np.ndarray


class NGram:
    """NGram.fit(numbers, order=5, size=10_000, first=3, boundary=3).log_probabilities(history, numbers)

    size        of the vocabulary
    impossible  those of its tokens that never occur in a text
    """

    def __init__(self, levels: Sequence[Level], *, size: int, impossible: Sequence[int] = ()):
        self.levels, self.size, self.impossible = list(levels), size, list(impossible)
        self.prepared = [prepare(level, size) for level in self.levels]

    @property
    def order(self) -> int:
        return len(self.levels)

    @classmethod
    def fit(
        cls,
        numbers: np.ndarray,
        *,
        order: int,
        size: int,
        first: int,
        boundary: int | None = None,
        impossible: Sequence[int] = (),
    ) -> NGram:
        """Counts of a text; `first` stands before its first token. ValueError for an order below 1.

        boundary  the token that ends a line, before which a context does not reach; None: contexts reach across lines"""
        if order < 1:
            raise ValueError(f"order must be at least 1; got {order}")
        text = np.concatenate([[first], numbers]).astype(np.int64)
        found = list(distinct_ngrams(text, order, size, boundary))
        levels = []
        for k, distinct in enumerate(found):
            counts = distinct.counts if k == order - 1 else continuations(distinct, found[k + 1])
            starts = np.searchsorted(distinct.keys // size, np.arange(distinct.contexts + 1))
            levels.append(Level(shrink(distinct.keys % size), shrink(starts), shrink(counts)))
        return cls(levels, size=size, impossible=impossible)

    def log_probabilities(self, history: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """log p of each of `numbers` [N] given those before it and, before those, `history`."""
        text = np.concatenate([history, numbers]).astype(np.int64)
        probability = np.full(len(text), 1.0 / (self.size - len(self.impossible)))
        # index of the context of the current order before each token; -1: not seen in training
        context = np.zeros(len(text), np.int64)
        for own in self.prepared:
            known = context >= 0
            here = context[known]
            keys = here * self.size + text[known]
            index = np.searchsorted(own.keys, keys).clip(max=len(own.keys) - 1)
            seen = own.keys[index] == keys
            probability[known] = own.gammas[here] * probability[known] + np.where(
                seen, own.shares[index], 0.0
            )
            gram = np.full(len(text), -1)
            gram[known] = np.where(seen, index, -1)
            context = np.concatenate([[-1], gram[:-1]])
        with np.errstate(divide="ignore"):
            return np.log(probability[len(history) :])

    def distribution(self, history: Sequence[int]) -> np.ndarray:
        """p of every token [V] behind `history`."""
        probability = np.full(self.size, 1.0 / (self.size - len(self.impossible)))
        probability[self.impossible] = 0
        chain = self.contexts(history)
        for level, own, context in zip(self.levels, self.prepared, chain, strict=False):
            probability *= own.gammas[context]
            children = slice(int(level.starts[context]), int(level.starts[context + 1]))
            probability[level.tokens[children]] += own.shares[children]
        return probability

    def contexts(self, history: Sequence[int]) -> list[int]:
        """The number of the context of each order behind a history, as far as they are known: of none, one token, two, ..."""
        chain = [0]
        for length in range(1, min(self.order - 1, len(history)) + 1):
            gram = 0
            for own, token in zip(self.prepared, history[len(history) - length :], strict=False):
                key = gram * self.size + int(token)
                gram = int(np.searchsorted(own.keys, key))
                if gram == len(own.keys) or own.keys[gram] != key:
                    return chain
            chain.append(gram)
        return chain


class DistinctNGrams(NamedTuple):
    """The different n-grams of one order.

    keys      [M] sorted: number of the context among the n-grams of the order below * size of the vocabulary + last token
    counts    [M] how often each occurs
    places    [M] where
    grams     [N] which one ends at each place of the text
    contexts  how many contexts there are
    """

    keys: np.ndarray
    counts: np.ndarray
    positions: np.ndarray
    grams: np.ndarray
    contexts: int


def distinct_ngrams(
    text: np.ndarray, order: int, size: int, boundary: int | None
) -> Iterator[DistinctNGrams]:
    """The n-grams of each order; a context begins at a boundary at the earliest. text[0] is only ever a context."""
    position = np.arange(len(text))
    begins = np.maximum.accumulate(
        np.where(text == (-1 if boundary is None else boundary), position, 0)
    )
    reach = position - np.concatenate([[0], begins[:-1]]) + 1  # the longest n-gram that ends here
    grams, contexts = np.zeros(len(text), np.int64), 1
    for k in range(1, order + 1):
        where = position if k == 1 else np.flatnonzero(reach >= k)
        before = grams[where - 1] if k > 1 else 0
        keys, first, inverse, counts = np.unique(
            before * size + text[where], return_index=True, return_inverse=True, return_counts=True
        )
        if k == 1:
            counts[inverse[0]] -= 1  # text[0] is only a context
        grams = np.full(len(text), -1, np.int64)
        grams[where] = inverse
        yield DistinctNGrams(keys, counts, where[first], grams, contexts)
        contexts = len(keys)


def continuations(distinct: DistinctNGrams, longer: DistinctNGrams) -> np.ndarray:
    """Behind how many different tokens each n-gram stands; those that nothing precedes (at a line's start) keep their counts."""
    successors = np.bincount(distinct.grams[longer.positions], minlength=len(distinct.keys))
    return np.where(successors > 0, successors, distinct.counts)


def prepare(level: Level, size: int) -> Prepared:
    contexts = np.repeat(np.arange(len(level.starts) - 1), np.diff(level.starts))
    counts, number = level.counts.astype(np.int64), len(level.starts) - 1
    totals = np.bincount(contexts, weights=counts, minlength=number)
    discounts = estimate_discounts(counts)
    taken = discounts[np.minimum(counts, 3)]
    freed = np.bincount(contexts, weights=taken, minlength=number)
    empty = totals == 0  # contexts without a continuation: the lower order decides alone
    gammas = np.where(empty, 1.0, freed / np.where(empty, 1.0, totals))
    return Prepared(
        contexts * size + level.tokens, totals, gammas, (counts - taken) / totals[contexts]
    )


def estimate_discounts(counts: np.ndarray) -> np.ndarray:
    """[0, D1, D2, D3+] from how many n-grams have a count of 1, 2, 3 and 4 (Chen and Goodman 1998, equation 26)."""
    n1, n2, n3, n4 = (int((counts == count).sum()) for count in (1, 2, 3, 4))
    if not (n1 and n2 and n3 and n4):
        return np.array([0.0, *DEFAULT_DISCOUNTS])
    y = n1 / (n1 + 2 * n2)
    estimated = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    if not all(0 <= each <= most for most, each in enumerate(estimated, start=1)):
        return np.array([0.0, *DEFAULT_DISCOUNTS])
    return np.array([0.0, *estimated])


def shrink(numbers: np.ndarray) -> np.ndarray:
    """The same in as few bytes as hold them."""
    largest = int(numbers.max(initial=0))
    return numbers.astype(
        np.uint8 if largest < 1 << 8 else np.int16 if largest < 1 << 15 else np.int32
    )
