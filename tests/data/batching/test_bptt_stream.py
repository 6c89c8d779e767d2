"""Streams for truncated backpropagation: every token is a target once,
and its input is the token before it."""

from __future__ import annotations

import numpy as np
import pytest

from ostinato.data.batching.bptt_stream import BpttStream, smallest_dtype, store_ids
from ostinato.errors import InputError

NUMBERS = np.arange(10, 113, dtype=np.uint8)


@pytest.mark.parametrize(
    "settings", [{}, {"rotate": True}, {"vary": True}, {"rotate": True, "vary": True}], ids=str
)
@pytest.mark.parametrize(("rows", "chunk"), [(1, 7), (5, 4), (4, 25), (100, 10)])
def test_each_token_is_a_target_once_behind_the_one_before_it(rows, chunk, settings):
    streams = BpttStream(NUMBERS, first=9, rows=rows, chunk=chunk, seed=3, **settings)
    for epoch in (0, 1):
        batches = list(streams.epoch(epoch))
        assert len(batches) == len(streams)
        assert [batch.continues for batch in batches] == [False] + [True] * (len(batches) - 1)
        targets = np.concatenate([batch.targets for batch in batches], 1)
        inputs = np.concatenate([batch.inputs for batch in batches], 1)
        assert (
            len(set(targets.flatten().tolist()))
            == targets.size
            == len(NUMBERS) // streams.rows * streams.rows
        )
        assert (np.where(targets == 10, 9, targets - 1) == inputs).all()
        before = targets[:, :-1]
        assert (
            inputs[:, 1:] == np.where(before == 112, 9, before)
        ).all()  # behind its end a rotated text begins anew


def test_an_epoch_can_be_begun_anywhere_and_follows_from_the_seed():
    streams = BpttStream(NUMBERS, first=9, rows=3, chunk=5, seed=1, rotate=True, vary=True)
    whole = list(streams.epoch(4))
    again = BpttStream(NUMBERS, first=9, rows=3, chunk=5, seed=1, rotate=True, vary=True)
    for batch, other in zip(whole[2:], again.epoch(4, start=2), strict=True):
        assert batch.inputs.equal(other.inputs)
        assert batch.continues == other.continues
    others = [
        list(BpttStream(NUMBERS, first=9, rows=3, chunk=5, seed=seed, rotate=True).epoch(epoch))
        for seed, epoch in [(1, 5), (2, 4)]
    ]
    assert all(not other[0].inputs.equal(whole[0].inputs) for other in others)


def test_without_rotation_every_epoch_is_the_same():
    streams = BpttStream(NUMBERS, first=9, rows=3, chunk=5)
    assert all(
        one.inputs.equal(other.inputs)
        for one, other in zip(streams.epoch(0), streams.epoch(7), strict=True)
    )


def test_a_short_text_has_fewer_rows_and_a_shorter_one_is_refused():
    assert BpttStream(NUMBERS, first=9, rows=64, chunk=50).rows == 2
    with pytest.raises(
        InputError,
        match="has 103 tokens, fewer than one chunk of 200; give more text or a smaller chunk",
    ):
        BpttStream(NUMBERS, first=9, rows=1, chunk=200)


@pytest.mark.parametrize(
    ("size", "kind"), [(65, np.uint8), (256, np.uint8), (257, np.uint16), (65_537, np.uint32)]
)
def test_numbers_are_kept_narrow_and_on_disk_if_there_are_many(size, kind):
    blocks = [np.arange(size - 40, size) for _ in range(50)]
    small, large = (
        store_ids(iter(blocks), size=size),
        store_ids(iter(blocks), size=size, in_memory=300),
    )
    assert small.dtype == large.dtype == smallest_dtype(size) == kind
    assert isinstance(large, np.memmap)
    assert not isinstance(small, np.memmap)
    assert (small == large).all()
    assert len(store_ids([], size=size)) == 0


def test_a_full_disk_is_said(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(InputError, match="no space left for a temporary copy of the text"):
        store_ids([np.arange(100)], size=100, in_memory=10)
