"""Rows of different lengths in two .npy files: the values, and where each row begins and ends."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import numpy as np

from ostinato.data.stored.array_file import ArrayFile, ArrayWriter

MOST_WAITING = 1 << 16  # boundaries that are collected before they are appended
BLOCK = 4096  # rows that are read at a time where all are


class RaggedWriter:
    """Appends rows of different lengths to NAME.npy, and their boundaries to NAME-bounds.npy."""

    def __init__(self, folder: Path, name: str):
        self.values = ArrayWriter(folder / f"{name}.npy")
        self.bounds = ArrayWriter(folder / f"{name}-bounds.npy")
        self.waiting, self.end, self.count = array("q", [0]), 0, 0

    def append(self, row: np.ndarray) -> None:
        """Appends a row [n, ...]."""
        self.append_parts([row])

    def append_parts(self, parts: Iterable[np.ndarray]) -> None:
        """Appends a row [n, ...] that comes in parts."""
        for part in parts:
            self.values.append(part)
            self.end += len(part)
        self.count += 1
        self.waiting.append(self.end)
        if len(self.waiting) > MOST_WAITING:
            self.move_bounds()

    def move_bounds(self) -> None:
        """Appends the boundaries that wait."""
        self.bounds.append(np.array(self.waiting, np.int64))
        self.waiting = array("q")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, *rest: object) -> None:
        if kind is None:
            self.move_bounds()
        self.values.__exit__(kind, *rest)
        self.bounds.__exit__(kind, *rest)


class RaggedFile:
    """Rows of different lengths, read when asked for."""

    def __init__(self, folder: Path, name: str):
        self.values = ArrayFile(folder / f"{name}.npy")
        self.bounds = ArrayFile(folder / f"{name}-bounds.npy")

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def find(self, row: int) -> tuple[int, int]:
        """Where a row begins and ends among the values."""
        start, stop = self.bounds.read(row, row + 2).tolist()
        return start, stop

    def read(self, row: int) -> np.ndarray:
        """One row [n, ...]."""
        return self.values.read(*self.find(row))

    def read_rows(self, start: int, stop: int) -> list[np.ndarray]:
        """The rows from `start` to `stop` - 1, by one access to the disk."""
        bounds = self.bounds.read(start, stop + 1).tolist()
        values = self.values.read(bounds[0], bounds[-1])
        first = bounds[0]
        return [values[a - first : b - first] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]

    def lengths(self) -> np.ndarray:
        """The length of each row [N] int32."""
        lengths = np.empty(len(self), np.int32)
        for start, stop in blocks(len(self)):
            lengths[start:stop] = np.diff(self.bounds.read(start, stop + 1))
        return lengths


def blocks(count: int, size: int = BLOCK) -> Iterator[tuple[int, int]]:
    """blocks(5, 2) -> (0, 2), (2, 4), (4, 5)"""
    for start in range(0, count, size):
        yield start, min(start + size, count)
