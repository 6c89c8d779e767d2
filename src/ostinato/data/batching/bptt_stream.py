"""One long sequence of numbers: kept compactly, and cut for truncated backpropagation through time.

    numbers = store(blocks, size=65)                            # uint8; on disk if there are very many
    streams = BpttStream(numbers, first=3, rows=20, chunk=35)
    for batch in streams.epoch(0): ...                          # [20, 35] each; every batch but the first `continues`

Source: Mikolov, Statistical language models based on neural networks, 2012, appendix A; Zaremba, Sutskever and Vinyals, 2014."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator

import numpy as np
import torch

from ostinato.data.batching.batch import Batch
from ostinato.data.text.corpus import no_room
from ostinato.errors import InputError

IN_MEMORY = 1 << 26  # bytes


def narrow(size: int) -> type[np.unsignedinteger]:
    """narrow(65) -> uint8, narrow(10_000) -> uint16: what holds the numbers 0 to size - 1."""
    return np.uint8 if size <= 1 << 8 else np.uint16 if size <= 1 << 16 else np.uint32


def store(blocks: Iterable[np.ndarray], *, size: int, in_memory: int = IN_MEMORY) -> np.ndarray:
    """The numbers of all blocks, one after another, below `size`: an array, or from `in_memory` bytes on a memory-mapped
    temporary file (in TMPDIR, unnamed)."""
    kind, parts, held, file = np.dtype(narrow(size)), [], 0, None
    try:
        for block in blocks:
            parts.append(block.astype(kind, copy=False))
            held += parts[-1].nbytes
            if held > in_memory:
                file = file or tempfile.TemporaryFile()  # noqa: SIM115 (its memory map outlives it)
                for part in parts:
                    part.tofile(file)
                parts, held = [], 0
        if file is None:
            return np.concatenate(parts) if parts else np.empty(0, kind)
        for part in parts:
            part.tofile(file)
        file.flush()
        return np.memmap(file, dtype=kind, mode="r")
    except OSError as error:
        raise InputError(no_room(error)) from None


class BpttStream:
    """`rows` contiguous streams of one sequence, `chunk` steps at a time: each step's input is the number before it.

    first    what stands before the sequence's first number
    rotate   each epoch's streams begin elsewhere (the sequence is a ring), so that chunks are not always cut in the same places
    vary     the lengths of chunks vary, most of them near `chunk`, a few near half of it (Merity, Keskar and Socher 2018, section 5)

    What does not fill a whole row is left out of an epoch. Everything follows from `seed` and the epoch's number.
    InputError: fewer numbers than one chunk."""

    def __init__(
        self,
        numbers: np.ndarray,
        *,
        first: int,
        rows: int,
        chunk: int,
        seed: int = 0,
        rotate: bool = False,
        vary: bool = False,
    ):
        if len(numbers) < chunk:
            raise InputError(
                f"the training text has {len(numbers):,} tokens, fewer than one --chunk of {chunk}; "
                "give more text or a smaller --chunk"
            )
        self.numbers, self.first, self.chunk, self.seed, self.rotate, self.vary = (
            numbers,
            first,
            chunk,
            seed,
            rotate,
            vary,
        )
        self.rows = max(1, min(rows, len(numbers) // chunk))
        self.length = len(numbers) // self.rows  # of each stream
        self.planned: tuple[int, list[int]] | None = None

    def plan(self, epoch: int) -> list[int]:
        """Where each chunk of an epoch begins, and at last the streams' end."""
        if self.planned is None or self.planned[0] != epoch:
            self.planned = (
                epoch,
                self.varied(epoch)
                if self.vary
                else [*range(0, self.length, self.chunk), self.length],
            )
        return self.planned[1]

    def varied(self, epoch: int) -> list[int]:
        chance = np.random.default_rng([self.seed, epoch, 1])
        ends = [0]
        while ends[-1] < self.length:
            middle = self.chunk if chance.random() < 0.95 else self.chunk / 2
            ends.append(
                min(
                    self.length,
                    ends[-1] + min(2 * self.chunk, max(5, round(chance.normal(middle, 5)))),
                )
            )
        return ends

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        """The chunks of an epoch, from number `start` on."""
        count = len(self.numbers)
        offset = (
            int(np.random.default_rng([self.seed, number]).integers(count)) if self.rotate else 0
        )
        begins = offset + np.arange(self.rows)[:, None] * self.length
        ends = self.plan(number)
        for place in range(start, len(ends) - 1):
            steps = (begins + np.arange(ends[place], ends[place + 1])) % count
            targets = self.numbers[steps].astype(np.int64)
            inputs = self.numbers[steps - 1].astype(np.int64)
            inputs[steps == 0] = self.first
            lengths = torch.full((self.rows,), steps.shape[1])
            yield Batch(
                torch.from_numpy(inputs),
                lengths,
                torch.from_numpy(targets),
                lengths,
                continues=place > 0,
            )

    def __len__(self) -> int:
        """Chunks in the epoch last begun."""
        return len(self.plan(0) if self.planned is None else self.planned[1]) - 1
