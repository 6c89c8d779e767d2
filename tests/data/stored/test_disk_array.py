"""An array on disk gives what numpy gives of the same array in memory."""

from __future__ import annotations

import numpy as np
import pytest

from ostinato.data.stored import disk_array
from ostinato.data.stored.array_file import ArrayFile, ArrayWriter
from ostinato.data.stored.disk_array import DiskArray, read_blocks, read_last


def stored(values, folder):
    with ArrayWriter(folder / "a.npy") as writer:
        writer.append(values)
    file = ArrayFile(folder / "a.npy")
    return DiskArray(file, 0, len(file))


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x[3:7],
        lambda x: x[3:][2:-2][1],
        lambda x: x[5:2],
        lambda x: x[::-2],
        lambda x: x[np.array([1, 5])],
        lambda x: x[~np.isnan(x)],
        lambda x: 2 * x[1:] - x[:-1],
        lambda x: np.concatenate([x[:2], (x[2:])]),
        lambda x: np.where(np.isnan(x), 0, x),
        lambda x: np.diff(x, prepend=x[:1]),
        lambda x: np.nanmean(x),
    ],
)
def test_an_array_on_disk_is_computed_with_as_one_in_memory(compute, tmp_path):
    values = np.array([1.0, 4, np.nan, 2, 8, 5, 7, np.nan, 3, 6])
    found = np.asarray(compute(stored(values, tmp_path)))
    assert np.array_equal(found, compute(values), equal_nan=True)


def test_columns_and_integers(tmp_path):
    table = np.arange(12).reshape(6, 2)
    found = stored(table, tmp_path)
    assert found.shape == (6, 2) and found.ndim == 2 and found.size == 12
    assert np.array_equal(found[1:4, 1], table[1:4, 1])
    assert found.dtype == np.int64 and found.tobytes() == table.tobytes()  # stored as int16
    assert found[2:3].tolist() == [[4, 5]]


def test_blocks_and_the_last_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(disk_array, "BLOCK", 4)
    values = np.array([1.0, np.nan, 3, *[np.nan] * 9, 4])
    for array in (values, stored(values, tmp_path)):
        assert [len(block) for block in read_blocks(array)] == [4, 4, 4, 1]
        assert read_last(array, 2).tolist() == [3, 4]
        assert read_last(array, 9).tolist() == [1, 3, 4]
