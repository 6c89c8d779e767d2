"""Rescoring of n-best lists by a model's log-probabilities, alone or mixed with the lists' scores.

combined = (1 - weight) * own score + weight * log-probability"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np


class Tuned(NamedTuple):
    """The weight found, and the corpus score that the best candidates have with it."""

    weight: float
    score: float


def combine(own: Sequence[float], model: Sequence[float], *, weight: float = 1.0) -> np.ndarray:
    """combine([-1.0], [-3.0], weight=0.5) -> [-2.0]

    ValueError: other lengths, a weight not in [0, 1]."""
    if not 0 <= weight <= 1:
        raise ValueError(
            f"weight must be between 0 (the list's own score) and 1 (the model's); got {weight}"
        )
    if len(own) != len(model):
        raise ValueError(
            f"as many own scores as log-probabilities are needed; got {len(own)} and {len(model)}"
        )
    # at the ends the other score has no weight, so that -inf there must not give NaN
    if weight in (0, 1):
        return np.asarray(model if weight else own, dtype=np.float64)
    return (1 - weight) * np.asarray(own, dtype=np.float64) + weight * np.asarray(
        model, dtype=np.float64
    )


def reorder(numbers: Sequence[int], scores: Sequence[float]) -> list[int]:
    """The candidates' indices, best first in each sentence.

    reorder([7, 7, 0], [-2.0, -1.0, -5.0]) -> [1, 0, 2]

    Sentences come in the order in which they first appear; equal candidates keep their order."""
    first = {number: place for place, number in reversed(list(enumerate(numbers)))}
    return sorted(range(len(numbers)), key=lambda place: (first[numbers[place]], -scores[place]))


def tune_weight(
    numbers: Sequence[int],
    own: Sequence[float],
    model: Sequence[float],
    counts: Sequence[Sequence[float]],
    *,
    score: Callable[[Sequence[float]], float],
    higher_is_better: bool = True,
) -> Tuned:
    """The weight whose best candidates score best, found exactly by line search.

    Which candidate of a sentence wins changes only at a few weights: between two of them the score
    is constant (Och 2003, section 4). The answer is the middle of the best interval, of equal ones
    the widest.

    Args:
        numbers: the candidates' sentences.
        own: their scores in the list.
        model: their log-probabilities.
        counts: a metric's counts of each candidate against its sentence's reference.
        score: the metric's score of summed counts.
        higher_is_better: whether the score is to be maximised.

    Raises:
        ValueError: lengths differ or are 0, or a score is not finite.
    """
    lengths = [len(numbers), len(own), len(model), len(counts)]
    if len(set(lengths)) > 1 or not lengths[0]:
        raise ValueError(
            "numbers, own, model and counts must be as many, one for each candidate, and at least "
            f"one; got {', '.join(map(str, lengths))}"
        )
    if not all(map(math.isfinite, [*own, *model])):
        raise ValueError(
            "scores and log-probabilities must be finite to be mixed; got one that is not"
        )
    table = np.asarray(counts, dtype=np.float64)
    changes = find_changes(
        numbers, np.asarray(own, dtype=np.float64), np.asarray(model, dtype=np.float64)
    )
    changes.sort(key=lambda change: change[0])
    total, intervals, begin = np.zeros(table.shape[1]), [], 0.0
    for weight, before, after in [*changes, (1.0, None, None)]:
        if weight > begin:
            middle = (begin + weight) / 2
            intervals.append(
                (score(total.tolist()) * (1 if higher_is_better else -1), weight - begin, middle)
            )
            begin = weight
        total = (
            total
            + (0 if after is None else table[after])
            - (0 if before is None else table[before])
        )
    best, _, weight = max(intervals)
    return Tuned(weight, best if higher_is_better else -best)


Change = tuple[float, int | None, int | None]


def find_changes(numbers: Sequence[int], own: np.ndarray, model: np.ndarray) -> list[Change]:
    """(weight, the candidate that wins below it, the one above it), of all sentences.

    Below weight 0 it is None."""
    sentences: dict[int, list[int]] = {}
    for place, number in enumerate(numbers):
        sentences.setdefault(number, []).append(place)
    changes: list[Change] = []
    for places in sentences.values():
        weight, winner = 0.0, None
        for start, place in envelope(np.array(places), own[places], (model - own)[places]):
            changes.append((max(weight, start), winner, place))
            winner = place
    return changes


def envelope(places: np.ndarray, height: np.ndarray, slope: np.ndarray) -> list[tuple[float, int]]:
    """The upper envelope over [0, 1] of the lines height + slope * weight.

    (the weight from which on a line is uppermost, its place); of equal lines the first counts."""
    order = np.lexsort((places, -slope, -height))
    current, weight, found = order[0], 0.0, []
    while True:
        found.append((weight, int(places[current])))
        steeper = slope > slope[current]
        crossing = np.full(len(places), np.inf)
        crossing[steeper] = (height[current] - height[steeper]) / (slope[steeper] - slope[current])
        weight = max(weight, float(crossing.min()))
        if weight >= 1:
            return found
        # of the lines that cross here the steepest is uppermost from now on
        here = np.flatnonzero(crossing <= weight)
        current = here[np.argmax(slope[here])]
