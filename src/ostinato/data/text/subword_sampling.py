"""Subword sampling: random segmentations of words, the same for a seed in every process.

sentencepiece draws from a generator that each process seeds in its own way, so a run that is
resumed, or one in several processes, would see other segmentations. These follow from the seed."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

UNKNOWN_PENALTY = 10.0  # of a character that no piece holds, below the least log-probability


def sample_bpe(
    word: str, scores: Mapping[str, float], alpha: float, seed: random.Random
) -> list[str]:
    """BPE-dropout (Provilkov, Emelianenko and Voita 2020, algorithm 1): at each step every possible
    merge is left out with probability `alpha`, and the best of the others is applied.

    Args:
        word: What to segment.
        scores: The pieces; merges that were learned earlier have the larger scores.
        alpha: The probability; 0 gives the segmentation of the model itself.
        seed: The generator.
    """
    pieces = list(word)
    while True:
        best, place = -math.inf, -1
        for index in range(len(pieces) - 1):
            score = scores.get(pieces[index] + pieces[index + 1])
            if score is not None and score > best and (not alpha or seed.random() >= alpha):
                best, place = score, index
        if place < 0:
            return pieces
        pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]


def sample_unigram(
    word: str, scores: Mapping[str, float], alpha: float, seed: random.Random
) -> list[str]:
    """A segmentation with probability proportional to P(segmentation)^alpha (Kudo 2018, equation 3,
    over all segmentations), by forward filtering and backward sampling.

    Args:
        word: What to segment.
        scores: log P of each piece.
        alpha: Below 1 flatter; 0 draws all segmentations alike.
        seed: The generator.
    """
    longest = max(map(len, scores), default=1)
    unknown = min(scores.values(), default=0.0) - UNKNOWN_PENALTY
    # forward[end]: the log of the summed weights of all segmentations of word[:end]
    forward = [0.0]
    edges: list[list[tuple[int, float]]] = [[]]
    for end in range(1, len(word) + 1):
        found = []
        for start in range(max(0, end - longest), end):
            score = scores.get(word[start:end], unknown if end - start == 1 else None)
            if score is not None:
                found.append((start, forward[start] + alpha * score))
        highest = max(weight for _, weight in found)
        total = math.fsum(math.exp(weight - highest) for _, weight in found)
        forward.append(highest + math.log(total))
        edges.append(found)
    pieces, end = [], len(word)
    while end:
        draw, chosen = seed.random(), edges[end][-1][0]
        for start, weight in edges[end]:
            draw -= math.exp(weight - forward[end])
            if draw < 0:
                chosen = start
                break
        pieces.append(word[chosen:end])
        end = chosen
    return pieces[::-1]
