"""One long sequence of ids: stored compactly, and split for truncated backpropagation through time.

    ids = store_ids(blocks, size=65)                    # uint8; on disk if there are very many
    stream = BpttStream(ids, first=3, rows=20, chunk=35)
    for batch in stream.epoch(0): ...                   # [20, 35]; all but the first `continues`

Source: Mikolov, Statistical language models based on neural networks, 2012, appendix A; Zaremba,
Sutskever and Vinyals, 2014."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator

import numpy as np
import torch

from ostinato.data.batching.batch import Batch
from ostinato.data.files.streams import temporary_file_error
from ostinato.errors import InputError, option_name

IN_MEMORY = 1 << 26  # bytes


def smallest_dtype(size: int) -> type[np.unsignedinteger]:
    """smallest_dtype(65) -> uint8, smallest_dtype(10_000) -> uint16"""
    return np.uint8 if size <= 1 << 8 else np.uint16 if size <= 1 << 16 else np.uint32


def store_ids(blocks: Iterable[np.ndarray], *, size: int, in_memory: int = IN_MEMORY) -> np.ndarray:
    """The ids of all blocks, one after another.

    Args:
        blocks: of ids below `size`.
        size: of the vocabulary.
        in_memory: bytes beyond which they are kept in an unnamed temporary file (in TMPDIR),
            mapped to memory.
    """
    kind = np.dtype(smallest_dtype(size))
    parts: list[np.ndarray] = []
    held, file = 0, None
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
        raise InputError(temporary_file_error(error)) from None


class BpttStream:
    """Contiguous parts of one sequence side by side, in chunks; each id is predicted from the last.

    Ids that do not fill all rows are left out of an epoch. Everything follows from `seed` and the
    epoch's number.

    Args:
        numbers: [N] the ids.
        first: the id before the sequence's first one.
        rows: parts side by side.
        chunk: steps of a batch.
        seed: of the random numbers.
        rotate: whether each epoch's parts begin elsewhere (the sequence is a ring), so that chunks
            are not always split at the same places.
        vary: whether the lengths of chunks vary, most of them near `chunk`, a few near half of it
            (Merity, Keskar and Socher 2018, section 5).

    Raises:
        InputError: fewer ids than one chunk.
    """

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
            option = option_name("chunk")
            raise InputError(
                f"the training text has {len(numbers):,} tokens, fewer than one {option} of "
                f"{chunk}; give more text or a smaller {option}"
            )
        self.numbers, self.first, self.chunk = numbers, first, chunk
        self.seed, self.rotate, self.vary = seed, rotate, vary
        self.rows = max(1, min(rows, len(numbers) // chunk))
        self.length = len(numbers) // self.rows  # of each part
        self.planned: tuple[int, list[int]] | None = None  # the last epoch's boundaries

    def plan(self, epoch: int) -> list[int]:
        """Where each chunk of an epoch begins, and as the last item the end."""
        if self.planned is None or self.planned[0] != epoch:
            fixed = [*range(0, self.length, self.chunk), self.length]
            self.planned = (epoch, self.draw_boundaries(epoch) if self.vary else fixed)
        return self.planned[1]

    def draw_boundaries(self, epoch: int) -> list[int]:
        """As `plan`, with chunks of random lengths."""
        generator = np.random.default_rng([self.seed, epoch, 1])
        ends = [0]
        while ends[-1] < self.length:
            mean = self.chunk if generator.random() < 0.95 else self.chunk / 2
            size = min(2 * self.chunk, max(5, round(generator.normal(mean, 5))))
            ends.append(min(self.length, ends[-1] + size))
        return ends

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `start` on."""
        count = len(self.numbers)
        offset = (
            int(np.random.default_rng([self.seed, number]).integers(count)) if self.rotate else 0
        )
        begins = offset + np.arange(self.rows)[:, None] * self.length  # [B, 1]
        ends = self.plan(number)
        for place in range(start, len(ends) - 1):
            steps = (begins + np.arange(ends[place], ends[place + 1])) % count  # [B, T]
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
        """Batches of the epoch last begun."""
        return len(self.plan(0) if self.planned is None else self.planned[1]) - 1
