"""Misalignment: where two files that should be line-aligned diverge, if their lines tell."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

DIGITS = re.compile(r"\d+")
CERTAIN = 6.0  # standard errors by which the lines must fit better with the gap than without it
FEWEST_LINES = 20  # of the shorter side


def describe_misalignment(sources: Sequence[str], targets: Sequence[str]) -> str:
    """'; they seem to part near line 512', or '' where it cannot be told.

    Supposes that one block is missing on the shorter side: lines correspond one to one before it
    and at a fixed distance after it. Translations resemble each other in length, in their numbers
    and in how they end (Gale and Church 1993), so each place for the block has a cost, the sum of
    the lines' dissimilarities; the cheapest is taken."""
    gap = abs(len(sources) - len(targets))
    longer, shorter = (sources, targets) if len(sources) > len(targets) else (targets, sources)
    if len(shorter) < FEWEST_LINES or gap > len(shorter):
        return ""
    long, short = extract_features(longer), extract_features(shorter)
    count = len(shorter)
    # of the lengths' logarithms; a shift of the lines hardly changes the median
    ratio = float(np.median(long[:count, 0] - short[:, 0]))
    straight = dissimilarity(long[:count], short, ratio)  # [lines]
    shifted = dissimilarity(long[gap:], short, ratio)  # [lines]
    # above zero where a line fits better after the gap than before it
    difference = straight - shifted
    costs = np.concatenate([[0.0], np.cumsum(difference)])
    place = int(costs.argmin())
    spread = float(difference.std()) + 1e-9
    before, after = -costs[place], costs[-1] - costs[place]
    if not all(
        is_significant(gain, lines, spread)
        for gain, lines in ((before, place), (after, count - place))
    ):
        return ""
    if max(before / max(place, 1), after / max(count - place, 1)) < 0.02:
        return ""
    if place == count:
        return f"; they seem to correspond up to line {count:,}, where the shorter one ends"
    return f"; they seem to part near line {place + 1:,}"


def is_significant(gain: float, lines: int, spread: float) -> bool:
    """Whether this many lines gain by more than chance; a handful at an end need not."""
    return lines < 8 or gain > CERTAIN * spread * math.sqrt(lines) / 2


def extract_features(lines: Sequence[str]) -> np.ndarray:
    """[lines, 4]: logarithm of the length, last character, sum of the numbers, whether blank."""
    rows = []
    for line in lines:
        line = line.strip()
        numbers = float(sum(int(number[:9]) + 1 for number in DIGITS.findall(line)))
        rows.append((math.log1p(len(line)), encode_ending(line), numbers, float(not line)))
    return np.array(rows)


def encode_ending(line: str) -> float:
    """A number for the punctuation mark that ends the line, 0 for none, -1 for a blank line."""
    return float(".?!:;,".find(line[-1]) + 1) if line else -1.0


def dissimilarity(one: np.ndarray, other: np.ndarray, ratio: float) -> np.ndarray:
    """How little each line is like the corresponding one, [lines].

    Capped, so that no single pair decides."""
    length = np.minimum(np.abs(one[:, 0] - other[:, 0] - ratio), 1.0)
    return length + (one[:, 1:] != other[:, 1:]) @ np.array([0.5, 0.7, 1.0])
