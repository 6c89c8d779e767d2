"""Interpolated modified Kneser-Ney n-gram language model.

    p_k(w | h) = max(a(h w) - D(a(h w)), 0) / sum_w a(h w) + gamma(h) p_{k-1}(w | h')

where h' is h without its first token.

At the highest order a(h w) are counts, below it the number of different tokens before "h w"; an
n-gram that nothing precedes keeps its count. So do n-grams at the beginning of a line where
contexts do not reach across lines, and at the beginning of a text where they do, as SRILM and
KenLM do with n-grams that begin with <s>: what stands before them says nothing of how often a
line begins so. D is one of three discounts for a = 1, 2 and 3 or more, estimated from counts of
counts; gamma(h) is the probability mass freed by the discounts; unigrams are interpolated with
the uniform distribution. Source: Chen and Goodman 1998, section 3; Kneser and Ney 1995.

M n-grams of one order, N tokens of a text, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

# discounts where there is too little text to estimate them (those of KenLM)
DEFAULT_DISCOUNTS = (0.5, 1.0, 1.5)


class Level(NamedTuple):
    """All n-grams of one order, sorted by context and last token.

    Attributes:
        tokens: The last token of each n-gram [M].
        starts: Where the n-grams of each context (an n-gram of the order below) begin [contexts +
            1].
        counts: a(h w) [M].
    """

    tokens: np.ndarray
    starts: np.ndarray
    counts: np.ndarray


class Prepared(NamedTuple):
    """A level prepared for queries.

    Attributes:
        keys: Context index * vocabulary size + last token, sorted [M].
        totals: sum_w a(h w) of each context [contexts].
        gammas: gamma of each context [contexts].
        shares: The discounted probability of each n-gram [M].
    """

    keys: np.ndarray
    totals: np.ndarray
    gammas: np.ndarray
    shares: np.ndarray


class NGram:
    """NGram.fit(tokens, order=5, size=9000, first=3, boundary=3).log_probabilities(history, tokens)

    Args:
        levels: The n-grams of order 1, 2, ...
        size: Vocabulary size V.
        impossible: Tokens that never occur in a text.
        line_end: The token at the ends of lines, where contexts reach across lines; a text that
            begins after it is scored by how often lines begin so.
    """

    def __init__(
        self,
        levels: Sequence[Level],
        *,
        size: int,
        impossible: Sequence[int] = (),
        line_end: int | None = None,
    ):
        self.levels, self.size, self.impossible = list(levels), size, list(impossible)
        self.line_end = line_end
        self.prepared = [prepare(level, size) for level in self.levels]

    @cached_property
    def beginning(self) -> list[Prepared]:
        """As `prepared`, for contexts that begin a text; made when one is first scored."""
        if self.line_end is None:
            return self.prepared
        counts = count_beginnings(self.levels, self.size, self.line_end)
        return [
            prepare(level._replace(counts=own), self.size)
            for level, own in zip(self.levels, counts, strict=True)
        ]

    def begins_text(self, history: Sequence[int] | np.ndarray) -> bool:
        """Whether a context is too short to be a part of a longer text, and begins a line."""
        return (
            self.line_end is not None
            and 0 < len(history) < self.order - 1
            and int(history[0]) == self.line_end
        )

    @property
    def order(self) -> int:
        """The length of the longest n-grams."""
        return len(self.levels)

    @classmethod
    def fit(
        cls,
        tokens: np.ndarray,
        *,
        order: int,
        size: int,
        first: int,
        boundary: int | None = None,
        across: bool = False,
        impossible: Sequence[int] = (),
    ) -> NGram:
        """Counts the n-grams of a text.

        Args:
            tokens: Token ids [N].
            order: The length of the longest n-grams.
            size: Vocabulary size V.
            first: The token that precedes the text as context.
            boundary: The token that ends a line.
            across: Whether contexts reach across lines, to text before the boundary.
            impossible: Tokens that never occur in a text.

        Raises:
            ValueError: The order is below 1.
        """
        if order < 1:
            raise ValueError(f"order must be at least 1; got {order}")
        text = np.concatenate([[first], tokens]).astype(np.int64)
        found = list(distinct_ngrams(text, order, size, None if across else boundary))
        levels = []
        for k, distinct in enumerate(found):
            counts = distinct.counts
            if k < order - 1:
                counts = continuations(distinct, found[k + 1])
            starts = np.searchsorted(distinct.keys // size, np.arange(distinct.contexts + 1))
            levels.append(Level(shrink(distinct.keys % size), shrink(starts), shrink(counts)))
        line_end = boundary if across else None
        return cls(levels, size=size, impossible=impossible, line_end=line_end)

    def log_probabilities(self, history: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """log p of each token of `tokens` [N] given `history` and the tokens before it."""
        text = np.concatenate([history, tokens]).astype(np.int64)
        probability = np.full(len(text), 1.0 / (self.size - len(self.impossible)))
        # index of the context of the current order before each token; -1: not seen in training
        context = np.zeros(len(text), np.int64)
        begins = self.begins_text(history)
        for length, own in enumerate(self.prepared):
            if not len(own.keys):
                break  # all texts are shorter: the lower orders decide alone
            known = context >= 0
            here = context[known]
            lower = probability[min(length, len(text) - 1)]  # of the token after text[:length]
            keys = here * self.size + text[known]
            index = np.searchsorted(own.keys, keys).clip(max=len(own.keys) - 1)
            seen = own.keys[index] == keys
            probability[known] = own.gammas[here] * probability[known] + np.where(
                seen, own.shares[index], 0.0
            )
            if begins and 0 < length < min(self.order - 1, len(text)) and known[length]:
                # the context of this length that begins the text is the one before text[length]
                place, start = int(known[:length].sum()), self.beginning[length]
                own_share = start.shares[index[place]] if seen[place] else 0.0
                probability[length] = own_share + start.gammas[here[place]] * lower
            gram = np.full(len(text), -1)
            gram[known] = np.where(seen, index, -1)
            context = np.concatenate([[-1], gram[:-1]])
        with np.errstate(divide="ignore"):
            return np.log(probability[len(history) :])

    def distribution(self, history: Sequence[int]) -> np.ndarray:
        """p of each token of the vocabulary [V] after `history`."""
        probability = np.full(self.size, 1.0 / (self.size - len(self.impossible)))
        probability[self.impossible] = 0
        chain = self.contexts(history)
        for length, (level, context) in enumerate(zip(self.levels, chain, strict=False)):
            own = self.prepared[length]
            if length == len(history) and self.begins_text(history):
                own = self.beginning[length]
            probability *= own.gammas[context]
            children = slice(int(level.starts[context]), int(level.starts[context + 1]))
            probability[level.tokens[children]] += own.shares[children]
        return probability

    def contexts(self, history: Sequence[int]) -> list[int]:
        """Indices of the contexts of the last 0, 1, 2, ... tokens, as far as they are known."""
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
    """The distinct n-grams of one order.

    Attributes:
        keys: Context index * vocabulary size + last token, sorted [M].
        counts: Occurrences of each [M].
        positions: The position in the text at which each first ends [M].
        grams: The n-gram that ends at each position of the text [N]; -1: none.
        contexts: The number of contexts.
    """

    keys: np.ndarray
    counts: np.ndarray
    positions: np.ndarray
    grams: np.ndarray
    contexts: int


def distinct_ngrams(
    text: np.ndarray, order: int, size: int, boundary: int | None
) -> Iterator[DistinctNGrams]:
    """The n-grams of each order, with contexts up to the last boundary; text[0] is context only."""
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
    """The number of different tokens before each n-gram.

    An n-gram that nothing precedes, at the beginning of a line, keeps its count.
    """
    predecessors = np.bincount(distinct.grams[longer.positions], minlength=len(distinct.keys))
    return np.where(predecessors > 0, predecessors, distinct.counts)


def count_beginnings(levels: Sequence[Level], size: int, line_end: int) -> list[np.ndarray]:
    """The counts a(h w) of each order for the beginning of a text, where no token precedes "h w".

    N-grams that begin with `line_end` have their number of occurrences, summed from the highest
    order, whose counts are occurrences; all others keep their counts.
    """
    keys = [level_contexts(level) * size + level.tokens for level in levels]
    first = levels[0].tokens.astype(np.int64)  # the first token of each n-gram of the order
    begins = [first == line_end]
    suffixes: list[np.ndarray] = []  # for each length, the index of the suffix of each n-gram
    for level in levels[1:]:
        contexts = level_contexts(level)
        first = first[contexts]
        begins.append(first == line_end)
        longer = [find(keys[0], level.tokens.astype(np.int64))]
        for length, suffix in enumerate(suffixes, start=1):
            before = suffix[contexts]
            found = find(keys[length], before * size + level.tokens)
            longer.append(np.where(before >= 0, found, -1))
        suffixes = longer
    counts = [level.counts for level in levels]
    for k in range(1, len(levels) - 1):
        known = suffixes[k] >= 0
        occurrences = np.bincount(
            suffixes[k][known], weights=levels[-1].counts[known], minlength=len(counts[k])
        ).astype(np.int64)
        own = counts[k].astype(np.int64)
        counts[k] = np.where(begins[k], np.maximum(occurrences, own), own)
    return counts


def level_contexts(level: Level) -> np.ndarray:
    """The index of each n-gram's context [M]."""
    return np.repeat(np.arange(len(level.starts) - 1), np.diff(level.starts).astype(np.int64))


def find(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The index of each wanted key among the sorted keys; -1: not there."""
    index = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[index] == wanted, index, -1)


def prepare(level: Level, size: int) -> Prepared:
    """Precomputes discounted probabilities and interpolation weights."""
    contexts = level_contexts(level)
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
    """[0, D1, D2, D3+] from the number of n-grams with counts 1, 2, 3 and 4.

    Chen and Goodman 1998, equation 26; DEFAULT_DISCOUNTS where these do not give valid values.
    """
    n1, n2, n3, n4 = (int((counts == count).sum()) for count in (1, 2, 3, 4))
    if not (n1 and n2 and n3 and n4):
        return np.array([0.0, *DEFAULT_DISCOUNTS])
    y = n1 / (n1 + 2 * n2)
    estimated = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    if not all(0 <= each <= most for most, each in enumerate(estimated, start=1)):
        return np.array([0.0, *DEFAULT_DISCOUNTS])
    return np.array([0.0, *estimated])


def shrink(numbers: np.ndarray) -> np.ndarray:
    """The same numbers in the smallest sufficient integer type."""
    largest = int(numbers.max(initial=0))
    return numbers.astype(
        np.uint8 if largest < 1 << 8 else np.int16 if largest < 1 << 15 else np.int32
    )
