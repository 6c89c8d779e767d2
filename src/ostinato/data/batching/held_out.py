"""A held-out set from the training data, and how much of a set is in the training data."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from ostinato.errors import InputError, option_name

Record = TypeVar("Record")


def hold_out(
    records: Sequence[Record],
    *,
    fraction: float | None = None,
    number: int | None = None,
    seed: int = 0,
    key: Callable[[Record], Hashable] = lambda record: record,
) -> tuple[list[Record], list[Record]]:
    """The training records and the held-out ones, both in their first order.

    hold_out(pairs, number=1000, key=lambda pair: pair.source)

    Args:
        records: in any order.
        fraction: the share to hold out, between 0 and 1; or
        number: the number to hold out. Whole groups are, so that it is approximate; never all.
        seed: of the random choice.
        key: records of equal key stay together, so that no source sentence is in both parts.

    Raises:
        ValueError: neither or both of fraction and number, or one out of range.
        InputError: one group only.
    """
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
            f"{len(records)} example{'s, all alike' * (len(records) != 1)}: none can be held out; "
            f"give {option_name('dev')}"
        )
    keys = list(groups)
    random.Random(seed).shuffle(keys)
    held: set[Hashable] = set()
    count = 0
    wanted = max(1, wanted)
    # very frequent examples stay in the training set
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
    """overlap(dev, train): the share of `part` that is in `whole` too, 0 to 1."""
    seen = set(whole)
    return sum(record in seen for record in part) / max(1, len(part))
