"""Long labelled sequences for truncated backpropagation through time.

They are split into windows, which are read side by side, chunk by chunk.

windows = BpttWindows([Example(inputs [100_000], targets [100_000])], steps=500, batch_size=8)
for batch in windows.epoch(0): ...      # 8 rows of 500 steps; all but a group's first continue"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ostinato.data.batching.batch import Batch, Example, collate
from ostinato.data.batching.buckets import example_seed

LEAST_CHUNKS = 4  # of a window, where the sequences are long enough


class Window(NamedTuple):
    """Steps `start` to `end` - 1 of an example."""

    example: int
    start: int
    end: int


class BpttWindows:
    """Batches that continue: the first `steps` steps of a group of windows, then the next ones.

    Groups are drawn anew for each epoch, from its number alone.

    Args:
        examples: with inputs and targets [T] each, of any lengths.
        steps: of a batch, after which the gradient is truncated.
        batch_size: windows side by side.
        seed: of the random numbers.
        vary: (an example, a seed) -> a random variation of it for training, by epoch and window.

    Raises:
        ValueError: steps or batch_size below 1.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        *,
        steps: int,
        batch_size: int,
        seed: int = 0,
        vary: Callable[[Example, int], Example] | None = None,
    ):
        for name, value in (("steps", steps), ("batch_size", batch_size)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}")
        self.examples, self.steps, self.batch_size = examples, steps, batch_size
        self.seed, self.vary = seed, vary
        lengths = [len(example.inputs) for example in examples]
        longest = max(steps * LEAST_CHUNKS, -(-sum(lengths) // batch_size))
        self.windows = [
            window
            for row, length in enumerate(lengths)
            for window in split_evenly(row, length, longest)
        ]

    def groups(self, epoch: int) -> list[list[int]]:
        """Which windows are read side by side: of similar length, in a random order."""
        generator = np.random.default_rng([self.seed, epoch])
        order = generator.permutation(len(self.windows)).tolist()
        # longest first; the sort is stable, so that equals stay shuffled
        order.sort(key=lambda place: self.windows[place].start - self.windows[place].end)
        groups = [
            order[first : first + self.batch_size]
            for first in range(0, len(order), self.batch_size)
        ]
        return [groups[place] for place in generator.permutation(len(groups))]

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `start` on."""
        for group in self.groups(number):
            longest = max(self.windows[place].end - self.windows[place].start for place in group)
            chunks = -(-longest // self.steps)
            if start >= chunks:
                start -= chunks
                continue
            whole = collate([self.example(place, number) for place in group])
            yield from islice(self.chunks(whole), start, None)
            start = 0

    def example(self, place: int, epoch: int) -> Example:
        """A window as an example of its own."""
        row, start, end = self.windows[place]
        inputs, targets = self.examples[row].inputs, self.examples[row].targets
        assert targets is not None  # these are for training
        part = Example(as_ids(inputs[start:end]), as_ids(targets[start:end]))
        return part if self.vary is None else self.vary(part, example_seed(self.seed, epoch, place))

    def chunks(self, group: Batch) -> Iterator[Batch]:
        """A batch of whole windows [B, T] in batches of `steps` steps."""
        assert group.targets is not None
        for start in range(0, group.inputs.shape[1], self.steps):
            inputs = group.inputs[:, start : start + self.steps]
            targets = group.targets[:, start : start + self.steps]
            lengths = (group.lengths - start).clamp(0, inputs.shape[1])
            yield Batch(inputs, lengths, targets, lengths, continues=start > 0)

    def __len__(self) -> int:
        """Batches in an epoch, as many in each."""
        sizes = sorted((window.end - window.start for window in self.windows), reverse=True)
        return sum(-(-longest // self.steps) for longest in sizes[:: self.batch_size])

    def __iter__(self) -> Iterator[Batch]:
        return self.epoch(0)


def as_ids(values: Tensor) -> Tensor:
    """Ids as int64, however they are stored; features as they are."""
    return values if values.is_floating_point() else values.long()


def split_evenly(row: int, length: int, longest: int) -> Iterator[Window]:
    """An example in as few windows of at most `longest` steps as possible, of about one length."""
    parts = -(-length // longest)
    edges = [length * part // parts for part in range(parts + 1)] if parts else [0]
    yield from (Window(row, start, end) for start, end in zip(edges, edges[1:], strict=False))
