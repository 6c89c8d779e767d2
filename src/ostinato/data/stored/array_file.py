"""Arrays in .npy files that grow while they are written, and of which any rows can be read later.

    with ArrayWriter(Path("ids.npy")) as writer:
        writer.append(np.array([5, 7]))
    ArrayFile(Path("ids.npy")).read(1, 2)       # [7]

`numpy.load(..., mmap_mode="r")` opens the same files. They are read here by `pread` and not through
a memory map: the pages of a map count as the process's memory until the system takes them back, and
a file that is cut short, or a disk that fails, ends a process that has mapped it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.lib import format as npy

from ostinato.errors import InputError

BUFFER = 1 << 23  # bytes that are collected before they are written
MOST_PARTS = 4096  # appended arrays, likewise
INTEGERS: tuple[np.dtype, ...] = (np.dtype(np.int16), np.dtype(np.int32), np.dtype(np.int64))
COPIED = 1 << 22  # values that are copied at a time into a file of a wider type


class ArrayWriter:
    """Appends rows to a new .npy file; OSError where it cannot be written.

    Integers have the smallest type that holds all of them: the file is written anew when a value
    comes that does not fit."""

    def __init__(self, path: Path):
        self.path, self.count = path, 0
        self.kind: np.dtype | None = None  # of the file; None: nothing is written yet
        self.row: tuple[int, ...] = ()  # the shape of a row
        self.parts: list[np.ndarray] = []
        self.held = 0
        self.file: BinaryIO = path.open("w+b")

    def append(self, values: np.ndarray) -> None:
        """Appends rows [n, ...], all of the same shape and kind."""
        self.parts.append(values)
        self.held += values.nbytes
        # each part has an object of its own, of hundreds of bytes where it is a tensor's
        if self.held > BUFFER or len(self.parts) >= MOST_PARTS:
            self.flush()

    def flush(self) -> None:
        """Writes what is collected."""
        if not self.parts:
            return
        block = np.concatenate(self.parts)
        self.parts, self.held = [], 0
        wanted = storage_type(block)
        if self.kind is None:
            self.begin(wanted, block.shape[1:])
        elif np.promote_types(self.kind, wanted) != self.kind:
            self.widen(np.promote_types(self.kind, wanted))
        self.file.write(np.ascontiguousarray(block, self.kind).data)
        self.count += len(block)

    def begin(self, kind: np.dtype, row: tuple[int, ...]) -> None:
        """Writes a header, which has room for any number of rows."""
        self.kind, self.row = kind, row
        self.write_header()

    def write_header(self) -> None:
        """Writes the header as it is for the rows written so far."""
        kind = self.kind or INTEGERS[0]
        self.file.seek(0)
        shape = (self.count, *self.row)
        npy.write_array_header_1_0(
            self.file, {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
        )

    def widen(self, kind: np.dtype) -> None:
        """Copies the file into one of a wider type."""
        self.write_header()
        self.file.flush()
        old = ArrayFile(self.path)
        self.file.close()
        wider = self.path.with_suffix(".wider")
        self.file, self.kind = wider.open("w+b"), kind
        self.write_header()
        for start in range(0, self.count, COPIED):
            self.file.write(old.read(start, min(start + COPIED, self.count)).astype(kind).data)
        old.close()
        wider.replace(self.path)

    def close(self) -> None:
        """Writes the rest and the number of rows."""
        with self.file:
            self.flush()
            self.write_header()
            self.file.flush()
            os.fsync(self.file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            self.close()
            return
        with suppress(OSError):  # on a full disk the buffer cannot be written here, either
            self.file.close()


def storage_type(block: np.ndarray) -> np.dtype:
    """The type in which values are stored; of integers the smallest that holds them."""
    if block.dtype.kind != "i":
        return block.dtype
    least, most = (int(block.min()), int(block.max())) if block.size else (0, 0)
    # n bytes hold -2 ** (8 n - 1) to 2 ** (8 n - 1) - 1
    return next(kind for kind in INTEGERS if max(most, -1 - least) >> (8 * kind.itemsize - 1) == 0)


class ArrayFile:
    """A .npy file of which any rows can be read; ValueError for anything else."""

    def __init__(self, path: Path):
        self.path = path
        self.file = path.open("rb", buffering=0)
        npy.read_magic(self.file)
        shape, _, self.kind = npy.read_array_header_1_0(self.file)
        self.start = self.file.tell()
        self.count, *row = shape
        self.row = tuple(row)
        self.row_bytes = self.kind.itemsize * int(np.prod(self.row))

    def __len__(self) -> int:
        return self.count

    def read(self, start: int, stop: int) -> np.ndarray:
        """The rows from `start` to `stop` - 1, in the type of the file; not to be written to."""
        size = (stop - start) * self.row_bytes
        content = os.pread(self.file.fileno(), size, self.start + start * self.row_bytes)
        if len(content) != size:
            raise InputError(f"{self.path}: cut short; remove its folder, and it is made again")
        values = np.frombuffer(content, self.kind)
        return values.reshape(stop - start, *self.row) if self.row else values

    def close(self) -> None:
        self.file.close()
