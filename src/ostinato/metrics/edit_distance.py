"""Edit distance (Levenshtein) of two sequences: what word and character error rates count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Edits(NamedTuple):
    """The fewest edits that turn a reference into a hypothesis."""

    substitutions: int
    deletions: int
    insertions: int


def align(hypothesis: Sequence[str], reference: Sequence[str]) -> list[tuple[str, str]]:
    """The tokens of both side by side: align("ab", "xb") -> [("a", "x"), ("b", "b")].

    An empty string stands for the missing partner of an insertion or a deletion. Among alignments
    with equally few edits, substitutions are preferred.
    """
    distances = distance_table(hypothesis, reference)
    row, column = len(reference), len(hypothesis)
    pairs: list[tuple[str, str]] = []
    while row or column:
        here = distances[row, column]
        if row and column:
            cost = int(reference[row - 1] != hypothesis[column - 1])
            if distances[row - 1, column - 1] + cost == here:
                row, column = row - 1, column - 1
                pairs.append((hypothesis[column], reference[row]))
                continue
        if row and distances[row - 1, column] + 1 == here:
            row -= 1
            pairs.append(("", reference[row]))
        else:
            column -= 1
            pairs.append((hypothesis[column], ""))
    return pairs[::-1]


def distance_table(hypothesis: Sequence[str], reference: Sequence[str]) -> np.ndarray:
    """The Levenshtein distance of every prefix of the reference to every one of the hypothesis,
    [len(reference) + 1, len(hypothesis) + 1]."""
    numbers = {token: number for number, token in enumerate({*hypothesis, *reference})}
    given = np.array([numbers[token] for token in hypothesis], dtype=np.int64)
    steps = np.arange(len(given) + 1, dtype=np.int32)
    table = np.empty((len(reference) + 1, len(given) + 1), dtype=np.int32)
    table[0] = steps
    for row, token in enumerate(reference, start=1):
        before = table[row - 1]
        own = table[row]
        own[0] = row
        own[1:] = np.minimum(before[:-1] + (given != numbers[token]), before[1:] + 1)
        # an insertion costs 1 a step: the running minimum of what is left after these costs
        np.minimum.accumulate(own - steps, out=own)
        own += steps
    return table


def count_edits(hypothesis: Sequence[str], reference: Sequence[str]) -> Edits:
    """count_edits(["a", "c"], ["a", "b", "d"]) -> Edits(substitutions=1, deletions=1,
    insertions=0)
    """
    pairs = [(given, true) for given, true in align(hypothesis, reference) if given != true]
    deletions = sum(not given for given, _ in pairs)
    insertions = sum(not true for _, true in pairs)
    return Edits(len(pairs) - deletions - insertions, deletions, insertions)


def error_rate(total: Sequence[float]) -> float:
    """Edits per token of the references, in per cent, from summed (S, D, I, N).

    Without any reference token: 0 without errors, else 100.
    """
    substitutions, deletions, insertions, tokens = total
    errors = substitutions + deletions + insertions
    return 100.0 * float(errors / tokens) if tokens else 100.0 * bool(errors)
