"""Stretches: every step once an epoch, in order, in batches that continue."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data.batching.batch import IGNORE, Example
from ostinato.data.batching.bptt_windows import BpttWindows


def examples(lengths):
    starts = [1000 * row for row in range(len(lengths))]
    return [
        Example(torch.arange(start, start + n), torch.arange(start, start + n))
        for start, n in zip(starts, lengths, strict=True)
    ]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=6),
    st.integers(1, 40),
    st.integers(1, 8),
    st.integers(0, 3),
)
def test_every_step_once_and_in_order(lengths, steps, batch_size, epoch):
    windows = BpttWindows(examples(lengths), steps=steps, batch_size=batch_size)
    batches = list(windows.epoch(epoch))
    assert len(batches) == len(windows)
    seen, rows = [], []
    for batch in batches:
        assert len(batch) <= batch_size and batch.inputs.shape[1] <= steps
        assert (batch.targets == batch.inputs).logical_or(batch.targets == IGNORE).all()
        now = [
            row[:n].tolist() for row, n in zip(batch.inputs, batch.lengths.tolist(), strict=True)
        ]
        if batch.continues:
            assert all(
                not one or one[0] == before[-1] + 1 for one, before in zip(now, rows, strict=True)
            )
        rows = (
            [one or before for one, before in zip(now, rows, strict=True)]
            if batch.continues
            else now
        )
        seen += [number for row in now for number in row]
    assert sorted(seen) == sorted(n for each in examples(lengths) for n in each.inputs.tolist())


def test_an_epoch_goes_on_anywhere_and_differs_from_the_next():
    windows = BpttWindows(examples([300, 50, 120, 80, 300, 90, 40, 60]), steps=20, batch_size=2)
    whole = list(windows.epoch(1))
    for start in range(len(whole) + 1):
        rest = list(windows.epoch(1, start=start))
        assert len(rest) == len(whole) - start
        pairs = list(zip(rest, whole[start:], strict=True))
        assert all(
            one.inputs.equal(other.inputs) and one.continues == other.continues
            for one, other in pairs
        )
    assert any(
        not one.inputs.equal(other.inputs)
        for one, other in zip(windows.epoch(1), windows.epoch(3), strict=True)
    )


def test_a_long_example_is_read_side_by_side():
    windows = BpttWindows(examples([900]), steps=10, batch_size=4)
    assert [len(batch) for batch in windows] == [4] * len(windows)


@pytest.mark.parametrize("name", ["steps", "batch_size"])
def test_sizes(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1; got 0"):
        BpttWindows(examples([3]), **{"steps": 1, "batch_size": 1, name: 0})
