"""A part of the data held back for judging, and how much of it was seen in training."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from ostinato.errors import InputError

Record = TypeVar("Record")


def hold_out(
    records: Sequence[Record],
    *,
    fraction: float | None = None,
    number: int | None = None,
    seed: int = 0,
    key: Callable[[Record], Hashable] = lambda record: record,
) -> tuple[list[Record], list[Record]]:
    """The records to learn from and those held back, both in their first order; the same for the same seed.

    hold_out(pairs, number=1000, key=lambda pair: pair.source): records of equal key stay together, so that no source
    sentence is in both parts. About as many as asked for, by whole groups; never all of them.

    ValueError: neither or both of fraction (between 0 and 1) and number (1 or more). InputError: one group only."""
    if (fraction is None) == (number is None):
        raise ValueError("fraction or number: exactly one must be given")
    wanted = round((fraction or 0) * len(records)) if number is None else number
    if (
        wanted < 0
        or (fraction is not None and not 0 < fraction < 1)
        or (number is not None and number < 1)
    ):
        raise ValueError(
            f"fraction or number: out of range; got {fraction if number is None else number}"
        )
    groups: dict[Hashable, int] = {}
    for record in records:
        groups[key(record)] = groups.get(key(record), 0) + 1
    if len(groups) < 2:
        raise InputError(
            f"{len(records)} example{'s, all alike' * (len(records) != 1)}: none can be held back; give --dev"
        )
    keys = list(groups)
    random.Random(seed).shuffle(keys)
    held: set[Hashable] = set()
    count = 0
    wanted = max(1, wanted)
    # what stands there a thousand times is to be learned, not held back
    small = [each for each in keys if groups[each] <= 2 * wanted] or [
        min(keys, key=groups.__getitem__)
    ]
    for each in small[: len(keys) - 1]:
        if count >= wanted:
            break
        held.add(each)
        count += groups[each]
    return [r for r in records if key(r) not in held], [r for r in records if key(r) in held]


def overlap(part: Sequence[Hashable], whole: Sequence[Hashable]) -> float:
    """overlap(dev, train): the share of `part` that stands in `whole` too, 0 to 1."""
    seen = set(whole)
    return sum(record in seen for record in part) / max(1, len(part))
