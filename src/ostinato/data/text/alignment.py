"""Where two files that should be line-aligned part, if their lines tell."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

DIGITS = re.compile(r"\d+")
CERTAIN = 6.0  # standard errors by which the lines must fit better with the gap than without it


def where_they_part(sources: Sequence[str], targets: Sequence[str]) -> str:
    """'; they seem to part near line 512', or '' where it cannot be told.

    Supposes that one block is missing on the shorter side: lines correspond one to one before it and at a fixed
    distance after it. Translations resemble each other in length, in their numbers and in how they end (Gale and
    Church 1993), so each place for the block has a cost, the sum of the lines' unlikeness; the cheapest is taken."""
    gap = abs(len(sources) - len(targets))
    longer, shorter = (sources, targets) if len(sources) > len(targets) else (targets, sources)
    if len(shorter) < 20 or gap > len(shorter):
        return ""
    long, short = features(longer), features(shorter)
    count = len(shorter)
    ratio = np.median(
        long[:count, 0] - short[:, 0]
    )  # of the lengths' logarithms; unmoved by a shift
    straight = unlikeness(long[:count], short, ratio)
    shifted = unlikeness(long[gap:], short, ratio)
    difference = (
        straight - shifted
    )  # above zero where a line fits better after the gap than before it
    costs = np.concatenate([[0.0], np.cumsum(difference)])
    place = int(costs.argmin())
    spread = float(difference.std()) + 1e-9
    before, after = -costs[place], costs[-1] - costs[place]
    if not all(
        told(gain, lines, spread) for gain, lines in ((before, place), (after, count - place))
    ):
        return ""
    if max(before / max(place, 1), after / max(count - place, 1)) < 0.02:
        return ""
    if place == count:
        return f"; they seem to correspond up to line {count:,}, where the shorter one ends"
    return f"; they seem to part near line {place + 1:,}"


def told(gain: float, lines: int, spread: float) -> bool:
    """Whether so many lines gain by more than chance; a handful at an end need not."""
    return lines < 8 or gain > CERTAIN * spread * math.sqrt(lines) / 2


def features(lines: Sequence[str]) -> np.ndarray:
    """[lines, 4]: logarithm of the length, how it ends, its digits, and whether it is blank."""
    rows = []
    for line in lines:
        line = line.strip()
        numbers = hash_of(DIGITS.findall(line))
        rows.append((math.log1p(len(line)), ending(line), numbers, float(not line)))
    return np.array(rows)


def ending(line: str) -> float:
    return float(".?!:;,".find(line[-1]) + 1) if line else -1.0


def hash_of(numbers: list[str]) -> float:
    """A number that is the same for the same numbers in any order."""
    return float(sum(int(number[:9]) + 1 for number in numbers))


def unlikeness(one: np.ndarray, other: np.ndarray, ratio: float) -> np.ndarray:
    """How little each line is like the other's of the same place, capped, so that no single pair decides."""
    length = np.minimum(np.abs(one[:, 0] - other[:, 0] - ratio), 1.0)
    return length + (one[:, 1:] != other[:, 1:]) @ np.array([0.5, 0.7, 1.0])
