"""Batches of random training windows, whole or in chunks for truncated BPTT."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ostinato.data.batching.batch import Batch
from ostinato.models.step_reader import StepReader
from ostinato.tasks.forecasting.windows import EncodedWindow, Window, Windows, stack_windows

PREPARED = 400_000  # steps whose reference forecasts are computed at a time

Encode = Callable[[Sequence[Window]], Sequence[EncodedWindow]]


class WindowBatches:
    """Batches of random training windows, encoded on demand.

    Args:
        windows: The windows of the training series.
        encode: Windows -> their tensors; faster for several windows in one call.
        batch_size: Windows per batch.
        most: Maximum windows of an epoch; of more, each epoch takes a new random sample.
        seed: Seed of the samples; an epoch depends on it and on the epoch's number only.
        together: Windows that are encoded in one call.
    """

    def __init__(
        self,
        windows: Windows,
        encode: Encode,
        *,
        batch_size: int,
        most: int,
        seed: int,
        together: int = 1,
    ):
        self.windows, self.encode, self.batch_size, self.seed = windows, encode, batch_size, seed
        self.most = min(most, len(windows))
        self.together = max(1, together // batch_size) * batch_size

    def __len__(self) -> int:
        return -(-self.most // self.batch_size)

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        """Yields the batches of an epoch, from number `start` on."""
        random = np.random.default_rng([self.seed, number])
        total = len(self.windows)
        chosen = (
            random.permutation(total)[: self.most]
            if total < 20 * self.most
            else random.integers(0, total, self.most)
        )
        for first in range(start * self.batch_size, self.most, self.together):
            rows = chosen[first : first + self.together].tolist()
            encoded = self.encode([self.windows[row] for row in rows])
            for row in range(0, len(encoded), self.batch_size):
                yield stack_windows(encoded[row : row + self.batch_size])


class ChunkedBatches:
    """Batches of windows in chunks of a number of steps; each chunk continues the previous one.

    Args:
        batches: The batches of whole windows.
        reader: Prepares the steps that the network reads.
        steps: Steps of a chunk.
    """

    def __init__(self, batches: WindowBatches, reader: StepReader, steps: int):
        self.batches, self.reader, self.steps = batches, reader, steps
        self.chunks = reader.count_chunks(steps)

    def __len__(self) -> int:
        return len(self.batches) * self.chunks

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        """Yields the batches of an epoch, from number `start` on."""
        whole, skipped = divmod(start, self.chunks)
        for batch in self.batches.epoch(number, start=whole):
            for index, chunk in enumerate(self.reader.split_window(batch, self.steps)):
                if index >= skipped:
                    yield chunk
            skipped = 0
