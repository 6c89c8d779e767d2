"""A hidden Markov model of word alignment (Vogel, Ney and Tillmann 1996).

    p(y | x) = sum_a prod_u p(a_u | a_{u-1}) ((1 - q) t(y_u | x_{a_u}) + q p_0(y_u))

The source position a_u of a target token depends on the position before it by the width of the
jump alone. With probability q a token has no source token. IBM model 1 initialises t; then
expectation maximisation by forward-backward estimates t, the jumps, q and p_0.

B sentence pairs, S source tokens, U target tokens, P pairs of tokens that occur together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from ostinato.baselines.dictionary import IndexedSentences, expected_counts, link

WIDEST = 6  # jumps of this width and wider ones share a probability
CLIPPED = 5  # jumps that the widest ones stand for in a sentence of ordinary length
MODEL_1_ITERATIONS = 4
BATCH = 512  # sentence pairs
LEAST = 1e-4  # smaller probabilities of translations are removed
Sentences = Sequence[np.ndarray]


class Translations(NamedTuple):
    """t(target | source) of the pairs of tokens that occur together, sorted by source, then target.

    Attributes:
        source, target: Their ids [P].
        probability: t [P].
    """

    source: np.ndarray
    target: np.ndarray
    probability: np.ndarray


@dataclass
class Counts:
    """Expected counts of an iteration.

    Attributes:
        pairs: Of each pair of tokens [P].
        jumps: Of each width [2 * WIDEST + 1].
        unaligned: Of each target token without a source token [V].
        tokens: Target tokens.
    """

    pairs: np.ndarray
    jumps: np.ndarray
    unaligned: np.ndarray
    tokens: int = 0


@dataclass(frozen=True)
class AlignmentModel:
    """AlignmentModel.fit(sources, targets, source_size=4000, target_size=4000)

    Args:
        translations: t.
        jumps: The weight of each width from -WIDEST to WIDEST [2 * WIDEST + 1].
        unaligned: p_0 of each target token [V].
        unaligned_share: q.
        target_size: V.
    """

    translations: Translations
    jumps: np.ndarray
    unaligned: np.ndarray
    unaligned_share: float
    target_size: int

    @classmethod
    def fit(
        cls,
        sources: Sentences,
        targets: Sentences,
        *,
        source_size: int,
        target_size: int,
        iterations: int = 3,
    ) -> Self:
        """Trains on pairs of arrays of token ids, each with at least one token.

        Args:
            sources, targets: The ids of each sentence.
            source_size, target_size: Sizes of the vocabularies.
            iterations: Of expectation maximisation, after those of IBM model 1.
        """
        links = link(
            IndexedSentences.from_ids(sources, source_size),
            IndexedSentences.from_ids(targets, target_size),
        )
        counts = expected_counts(links, MODEL_1_ITERATIONS)
        frequencies = np.bincount(np.concatenate(targets), minlength=target_size) + 1e-4
        model = cls(
            Translations(links.source, links.target, share_by(links.source, counts)),
            np.exp(-np.abs(np.arange(-WIDEST, WIDEST + 1) - 1.0)),
            frequencies / frequencies.sum(),
            0.2,
            target_size,
        )
        order = np.lexsort(([len(each) for each in targets], [len(each) for each in sources]))
        for _ in range(iterations):
            model = model.improve(sources, targets, order)
        return model.prune()

    def improve(self, sources: Sentences, targets: Sentences, order: np.ndarray) -> Self:
        """One iteration of expectation maximisation; `order` puts similar lengths together."""
        counts = Counts(
            np.zeros(len(self.translations.source)),
            np.full(2 * WIDEST + 1, 1e-3),
            np.full(self.target_size, 1e-4),
        )
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            self.count([sources[row] for row in rows], [targets[row] for row in rows], counts)
        source, target, _ = self.translations
        jumps = counts.jumps / counts.jumps.sum()
        jumps[[0, -1]] /= CLIPPED
        unaligned = counts.unaligned.sum()
        return type(self)(
            Translations(source, target, share_by(source, counts.pairs)),
            jumps,
            counts.unaligned / unaligned,
            float(unaligned / counts.tokens),
            self.target_size,
        )

    def count(self, sources: Sentences, targets: Sentences, counts: Counts) -> None:
        """Adds the expected counts of some sentence pairs, by forward-backward."""
        source, read = pad_ids(sources)  # [B, S]
        target, said = pad_ids(targets)  # [B, U]
        pairs, translated = self.look_up(source[:, None], target[:, :, None])  # [B, U, S]
        translated = (1 - self.unaligned_share) * translated
        emitted = translated + (self.unaligned_share * self.unaligned[target])[..., None]
        width = clip_width(np.arange(source.shape[1]))
        moves = self.jumps[width] * read[:, None]  # [B, S, S]
        moves /= moves.sum(-1, keepdims=True)
        begin = self.jumps[clip_width(source.shape[1], from_start=True)] * read  # [B, S]
        forward, scales = run_forward(emitted, moves, begin / begin.sum(-1, keepdims=True))
        backward = np.ones(source.shape)
        for step in reversed(range(target.shape[1])):
            is_token = said[:, step, None]
            posterior = forward[:, step] * backward * is_token
            posterior /= np.maximum(posterior.sum(-1, keepdims=True), 1e-300)
            aligned = translated[:, step] / np.maximum(emitted[:, step], 1e-300) * posterior
            place, known = pairs[:, step], pairs[:, step] >= 0
            counts.pairs += np.bincount(place[known], aligned[known], len(counts.pairs))
            rest = (posterior - aligned).sum(-1)
            counts.unaligned += np.bincount(target[:, step], rest, self.target_size)
            if step:
                ahead = emitted[:, step] * backward / scales[:, step, None]  # [B, S]
                moved = forward[:, step - 1, :, None] * moves * (ahead * is_token)[:, None]
                counts.jumps += np.bincount(width.ravel(), moved.sum(0).ravel(), len(counts.jumps))
                backward = np.where(is_token, (moves @ ahead[..., None])[..., 0], backward)
        counts.tokens += int(said.sum())

    def look_up(self, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The index of each pair of tokens, -1 for an unknown one, and its t."""
        known = self.translations.source * self.target_size + self.translations.target
        wanted = source * self.target_size + target
        places = np.searchsorted(known, wanted).clip(max=len(known) - 1)
        found = known[places] == wanted
        return np.where(found, places, -1), np.where(
            found, self.translations.probability[places], 0
        )

    def prune(self) -> Self:
        """Removes improbable translations."""
        kept = self.translations.probability > LEAST
        return type(self)(
            Translations(*(part[kept] for part in self.translations)),
            self.jumps,
            self.unaligned,
            self.unaligned_share,
            self.target_size,
        )

    def best_translations(self, source_size: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The most probable target tokens of every source token, the best first.

        Returns:
            Their ids and probabilities, [source_size, number] each; 0 where there are fewer.
        """
        source, target, probability = self.translations
        order = np.lexsort((-probability, source))
        source, target, probability = source[order], target[order], probability[order]
        rank = np.arange(len(source)) - np.searchsorted(source, source)
        kept = rank < number
        ids = np.zeros((source_size, number), dtype=np.int64)
        chances = np.zeros((source_size, number))
        ids[source[kept], rank[kept]] = target[kept]
        chances[source[kept], rank[kept]] = probability[kept]
        return ids, chances


def share_by(groups: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Each count's share of those of its group: share_by([0, 0, 1], [1, 3, 5]) -> [.25, .75, 1]"""
    return counts / np.maximum(np.bincount(groups, counts)[groups], 1e-300)


def pad_ids(sentences: Sentences) -> tuple[np.ndarray, np.ndarray]:
    """The ids [B, T], zero in the padding, and where tokens are [B, T]."""
    lengths = np.array([len(each) for each in sentences])
    is_token = np.arange(lengths.max()) < lengths[:, None]
    ids = np.zeros(is_token.shape, dtype=np.int64)
    ids[is_token] = np.concatenate(list(sentences))
    return ids, is_token


def clip_width(positions: np.ndarray | int, *, from_start: bool = False) -> np.ndarray:
    """The index in `jumps` of the jump between any two positions [S, S]; with `from_start` of that
    from before the first position to each of S positions.
    """
    if from_start:
        return np.minimum(np.arange(1, int(positions) + 1), WIDEST) + WIDEST
    places = np.asarray(positions)
    return np.clip(places - places[:, None], -WIDEST, WIDEST) + WIDEST


def run_forward(
    emitted: np.ndarray, moves: np.ndarray, begin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The forward probabilities, normalised at each step, and the normalisers.

    Args:
        emitted: p(y_u | position) [B, U, S].
        moves: p(position | position before) [B, S, S].
        begin: p(first position) [B, S].

    Returns:
        [B, U, S] and [B, U].
    """
    forward, scales = np.zeros(emitted.shape), np.ones(emitted.shape[:2])
    ahead = begin
    for step in range(emitted.shape[1]):
        joint = ahead * emitted[:, step]
        scales[:, step] = np.maximum(joint.sum(-1), 1e-300)
        forward[:, step] = joint / scales[:, step, None]
        ahead = (forward[:, step, None] @ moves)[:, 0]
    return forward, scales
