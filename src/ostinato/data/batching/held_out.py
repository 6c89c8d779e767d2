"""A held-out set from the training data, and how much of a set is in the training data."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from ostinato.errors import InputError, option_name

Record = TypeVar("Record")
PART = 1 << 20  # keys that are looked up at a time


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
        raise InputError(all_alike(len(records)))
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


def hold_out_rows(keys: np.ndarray, *, number: int, seed: int) -> np.ndarray:
    """Which records `hold_out` holds out, [N] bool, from one number for each key.

    The same ones as `hold_out` chooses, in 8 bytes a record and without the keys themselves.

    Args:
        keys: [N], such as hashes: equal where the keys are.
        number: as of `hold_out`.
        seed: as of `hold_out`.

    Raises:
        InputError: one group only.
    """
    first, counts = find_groups(keys)
    if len(first) < 2:
        raise InputError(all_alike(len(keys)))
    shuffled = array("I", range(len(first)))
    random.Random(seed).shuffle(shuffled)
    groups = np.frombuffer(shuffled, np.uint32)
    small = groups[counts[groups] <= 2 * number]
    if not len(small):
        # as min() finds it: the first of the smallest in the shuffled order
        small = groups[[int(np.argmin(counts[groups]))]]
    small = small[: len(groups) - 1]
    before = np.cumsum(counts[small]) - counts[small]
    held = keys[first[small[before < max(1, number)]]]
    parts = [keys[start : start + PART] for start in range(0, len(keys), PART)]
    return np.concatenate([np.isin(part, held) for part in parts])


def find_groups(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each group of equal keys the first record, and how many there are; in the order in which
    the groups begin.

    find_groups([7, 5, 7]) -> [0, 1], [2, 1]

    As numpy.unique, which takes twice the memory."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(keys) else np.zeros(0, bool)
    del ordered
    begins = np.flatnonzero(new)
    first = order[begins].astype(np.uint32)
    del order
    counts = np.diff(begins, append=len(keys)).astype(np.uint32)
    by_place = np.argsort(first)
    return first[by_place], counts[by_place]


def all_alike(number: int) -> str:
    """The message where nothing can be held out."""
    return (
        f"{number} example{'s, all alike' * (number != 1)}: none can be held out; "
        f"give {option_name('dev')}"
    )


def overlap(part: Sequence[Hashable], whole: Iterable[Hashable]) -> float:
    """overlap(dev, train): the share of `part` that is in `whole` too, 0 to 1."""
    wanted = set(part)
    seen = {record for record in whole if record in wanted}  # of `whole`, no more is kept
    return sum(record in seen for record in part) / max(1, len(part))
