"""An array on disk that looks like one of numpy and is read when it is computed with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ostinato.data.stored.array_file import ArrayFile

BLOCK = 1 << 18  # rows that are read at a time where all are


class DiskArray(NDArrayOperatorsMixin):
    """Rows of a file: a range of them is another such array, anything else an array in memory.

    values = DiskArray(file, 0, 1_000_000)
    values[200:300]                     # nothing is read yet
    values[200:300] - 1, values[7]      # now

    Args:
        file: Of the rows.
        start, stop: Which rows.
    """

    def __init__(self, file: ArrayFile, start: int, stop: int):
        self.file, self.start, self.stop = file, start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.file.row)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int64) if self.file.kind.kind == "i" else self.file.kind

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self.read(self.start, self.stop)
        return values if dtype is None else values.astype(dtype, copy=False)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows of the file; integers as int64, however they are stored."""
        return self.file.read(start, stop).astype(self.dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return getattr(ufunc, method)(*map(in_memory, inputs), **options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        named = {name: in_memory(value) for name, value in options.items()}
        return function(*map(in_memory, args), **named)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                return DiskArray(self.file, self.start + start, self.start + max(start, stop))
        if isinstance(key, tuple):
            return in_memory(self[key[0]])[(slice(None), *key[1:])]
        return in_memory(self)[key]

    def blocks(self) -> Iterator[np.ndarray]:
        """All rows, some at a time."""
        for start in range(self.start, self.stop, BLOCK):
            yield self.read(start, min(start + BLOCK, self.stop))

    def tolist(self) -> list:
        """All rows as numbers of Python."""
        return in_memory(self).tolist()

    def tobytes(self) -> bytes:
        """The bytes of all rows."""
        return in_memory(self).tobytes()


def in_memory(value: Any) -> Any:
    """What is on disk as an array of numpy, in lists and tuples, too; anything else as it is."""
    if type(value) in (list, tuple):  # as of numpy.concatenate
        return type(value)(map(in_memory, value))
    return np.asarray(value) if isinstance(value, DiskArray) else value


def read_last(values: np.ndarray | DiskArray, most: int) -> np.ndarray:
    """The last `most` numbers [T] that are not missing, fewer if there are no more."""
    count = most
    while True:
        found = np.asarray(values[max(0, len(values) - count) :])
        found = found[~np.isnan(found)]
        if len(found) >= most or count >= len(values):
            return found[-most:]
        count *= 4


def read_blocks(values: np.ndarray | DiskArray) -> Iterator[np.ndarray]:
    """An array block by block, so that no more than that is in memory of one on disk."""
    if isinstance(values, DiskArray):
        yield from values.blocks()
        return
    for start in range(0, len(values), BLOCK):
        yield values[start : start + BLOCK]
