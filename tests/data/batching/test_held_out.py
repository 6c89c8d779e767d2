"""Held-out sets keep groups together, and overlap is measured."""

import pytest

from ostinato.data.batching.held_out import hold_out, overlap
from ostinato.data.text.sentence_pairs import Pair
from ostinato.errors import InputError


def test_hold_out_keeps_groups_together():
    pairs = [Pair(f"s{i % 40}", f"t{i}") for i in range(100)]
    train, dev = hold_out(pairs, number=10, seed=3, key=lambda pair: pair.source)
    assert sorted(train + dev) == sorted(pairs) and 10 <= len(dev) <= 12
    assert overlap([pair.source for pair in dev], [pair.source for pair in train]) == 0
    assert (train, dev) == hold_out(pairs, number=10, seed=3, key=lambda pair: pair.source)
    assert dev != hold_out(pairs, number=10, seed=4, key=lambda pair: pair.source)[1]
    assert len(hold_out(range(100), fraction=0.05)[1]) == 5
    assert [len(part) for part in hold_out(range(2), number=1000)] == [1, 1]


@pytest.mark.parametrize(
    "options", [{}, {"fraction": 0.1, "number": 1}, {"fraction": 1.5}, {"number": 0}]
)
def test_hold_out_refuses(options):
    with pytest.raises(ValueError, match="fraction or number"):
        hold_out([1, 2, 3], **options)


def test_hold_out_of_one_group():
    with pytest.raises(InputError, match="^1 example: none can be held out; give dev"):
        hold_out(["a"], number=1)
    many = ["a"] * 100 + ["b", "c", "d"]
    for seed in range(10):
        assert set(hold_out(many, number=2, seed=seed)[1]) < {"b", "c", "d"}
    assert hold_out(["a"] * 9 + ["b"] * 8, number=1)[1] == ["b"] * 8
    with pytest.raises(InputError, match="3 examples, all alike: none can be held out; give dev"):
        hold_out([1, 1, 1], number=1)


def test_overlap():
    assert overlap([1, 2, 3, 4], [4, 5, 3]) == 0.5
    assert overlap([], [1]) == 0
