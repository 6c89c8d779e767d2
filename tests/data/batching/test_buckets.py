"""Each example exactly once, in an order that the seed and the epoch decide."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.batching.batch import Example
from ostinato.data.batching.buckets import BucketedBatches, example_seed

shapes = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=40)


def examples(lengths):
    """Example i is filled with i + 1, so that it can be told in a batch."""
    return [
        Example(torch.full((s,), i + 1), torch.full((t,), i + 1))
        for i, (s, t) in enumerate(lengths)
    ]


def told(batches):
    return [batch.inputs[:, 0].tolist() for batch in batches]


@given(
    shapes,
    st.integers(1, 8),
    st.integers(1, 100),
    st.integers(1, 50),
    st.booleans(),
    st.integers(0, 3),
)
def test_every_example_once_and_within_the_limits(
    lengths, batch_size, tokens, pool, shuffle, epoch
):
    batches = BucketedBatches(
        examples(lengths), batch_size=batch_size, tokens=tokens, pool=pool, shuffle=shuffle, seed=5
    )
    made = list(batches.epoch(epoch))
    assert sorted(sum(told(made), [])) == [number + 1 for number in range(len(lengths))]
    assert len(batches) == len(made)
    for batch in made:
        assert len(batch) <= batch_size
        longest = max(batch.inputs.shape[1], batch.targets.shape[1])
        assert len(batch) == 1 or len(batch) * longest <= tokens


@given(shapes, st.integers(0, 2**40), st.integers(0, 5), st.integers(0, 10))
def test_same_seed_same_order_and_a_start_in_the_middle(lengths, seed, epoch, start):
    data = examples(lengths)
    whole = told(BucketedBatches(data, batch_size=3, pool=10, seed=seed).epoch(epoch))
    again = BucketedBatches(data, batch_size=3, pool=10, seed=seed)
    list(again.epoch(epoch + 1))  # what was asked for before does not matter
    assert told(again.epoch(epoch, start=start)) == whole[start:]


def test_epochs_and_seeds_differ():
    data = examples([(i % 9 + 1, 3) for i in range(60)])
    orders = [
        told(BucketedBatches(data, batch_size=4, seed=seed).epoch(epoch))
        for seed in (0, 1)
        for epoch in (0, 1)
    ]
    assert len({str(order) for order in orders}) == 4


def test_similar_lengths_share_a_batch():
    data = examples([(i % 30 + 1, i % 30 + 1) for i in range(900)])
    batches = BucketedBatches(data, tokens=300)
    real = sum(len(example.inputs) for example in data)
    assert real / sum(batch.inputs.numel() for batch in batches) > 0.97
    assert (
        len({len(list(batches.epoch(epoch))) for epoch in range(4)}) == 1
    )  # one pool: the same number of steps


def test_without_shuffling_the_order_stands():
    assert told(BucketedBatches(examples([(2, 1)] * 5), batch_size=2, shuffle=False)) == [
        [1, 2],
        [3, 4],
        [5],
    ]


def test_longer_than_the_budget_is_a_batch_by_itself():
    assert sorted(
        map(sorted, told(BucketedBatches(examples([(50, 1), (2, 1), (2, 1)]), tokens=10)))
    ) == [
        [1],
        [2, 3],
    ]


def test_examples_encoded_anew_each_epoch():
    data = examples([(2, 2)] * 6)
    seen = []

    def encode(row, epoch):
        seen.append((row, epoch))
        return Example(data[row].inputs + 100 * epoch, data[row].targets)

    batches = BucketedBatches(data, batch_size=2, encode=encode)
    assert sorted(sum(told(batches.epoch(3, start=1)), [])) == sorted(
        number + 300
        for group in told(BucketedBatches(data, batch_size=2).epoch(3, start=1))
        for number in group
    )
    assert len(seen) == 4 and all(
        epoch == 3 for _, epoch in seen
    )  # those passed over are not encoded


def test_what_is_drawn_differs_by_seed_epoch_and_example_and_never_by_run():
    drawn = {(s, e, i): example_seed(s, e, i) for s in range(2) for e in range(3) for i in range(4)}
    assert len(set(drawn.values())) == len(drawn)
    assert example_seed(0, 1, 2) == 3217758752


def test_examples_without_targets_and_no_examples():
    assert len(BucketedBatches([Example(torch.ones(3))] * 5, batch_size=2)) == 3
    assert list(BucketedBatches([], tokens=10)) == [] and len(BucketedBatches([], tokens=10)) == 0
    batch = next(iter(BucketedBatches([Example(torch.ones(3), torch.tensor(1))], batch_size=2)))
    assert batch.targets.tolist() == [1]


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "batch_size or tokens: one of them must be given"),
        ({"batch_size": 0}, "batch_size: must be 1 or more; got 0"),
        ({"tokens": -1}, "tokens: must be 1 or more; got -1"),
        ({"tokens": 5, "pool": 0}, "pool: must be 1 or more; got 0"),
        ({"tokens": 5, "seed": -1}, "seed: must be 0 or more; got -1"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        BucketedBatches([], **options)
