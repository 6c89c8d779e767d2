"""Long labelled sequences for truncated backpropagation through time.

They are split into windows, which are read side by side, chunk by chunk.

windows = BpttWindows([Example(inputs [100_000], targets [100_000])], steps=500, batch_size=8)
for batch in windows.epoch(0): ...      # 8 rows of 500 steps; all but a group's first continue"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

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


@runtime_checkable
class LongExamples(Protocol):
    """Long examples on disk, of which a few steps are read at a time.

    Attributes:
        lengths: of each example.
    """

    lengths: Sequence[int]

    def read(self, window: Window, draw: int, start: int, end: int) -> Example:
        """The steps from `start` to `end` - 1 of a window, or of its variation with the seed
        `draw`; those after its end are left out."""


class BpttWindows:
    """Batches that continue: the first `steps` steps of a group of windows, then the next ones.

    Groups are drawn anew for each epoch, from its number alone.

    Args:
        examples: with inputs and targets [T] each, of any lengths; of those on disk no more is
            read than a batch has.
        steps: of a batch, after which the gradient is truncated.
        batch_size: windows side by side.
        seed: of the random numbers.
        vary: (an example, a seed) -> a random variation of it for training, by epoch and window;
            those on disk vary by themselves.

    Raises:
        ValueError: steps or batch_size below 1.
    """

    def __init__(
        self,
        examples: Sequence[Example] | LongExamples,
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
        lengths = (
            examples.lengths
            if isinstance(examples, LongExamples)
            else [len(example.inputs) for example in examples]
        )
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
            yield from self.chunks(group, number, range(start * self.steps, longest, self.steps))
            start = 0

    def chunks(self, group: list[int], epoch: int, starts: range) -> Iterator[Batch]:
        """The windows of a group in batches of `steps` steps, which begin at `starts`."""
        if isinstance(self.examples, LongExamples):
            read = [self.reader(self.examples, place, epoch) for place in group]
        else:
            read = [partial(cut_example, self.example(place, epoch)) for place in group]
        for start in starts:
            batch = collate([part(start, start + self.steps) for part in read])
            yield replace(batch, target_lengths=batch.lengths, continues=start > 0)

    def reader(
        self, examples: LongExamples, place: int, epoch: int
    ) -> Callable[[int, int], Example]:
        """What reads steps of a window from the disk."""
        draw = example_seed(self.seed, epoch, place)
        return partial(examples.read, self.windows[place], draw)

    def example(self, place: int, epoch: int) -> Example:
        """A window as an example of its own."""
        assert not isinstance(self.examples, LongExamples)
        row, start, end = self.windows[place]
        part = cut_example(self.examples[row], start, end)
        return part if self.vary is None else self.vary(part, example_seed(self.seed, epoch, place))

    def __len__(self) -> int:
        """Batches in an epoch, as many in each."""
        sizes = sorted((window.end - window.start for window in self.windows), reverse=True)
        return sum(-(-longest // self.steps) for longest in sizes[:: self.batch_size])

    def __iter__(self) -> Iterator[Batch]:
        return self.epoch(0)


def cut_example(example: Example, start: int, end: int) -> Example:
    """Steps `start` to `end` - 1 of an example, fewer at its end."""
    assert example.targets is not None  # these are for training
    return Example(as_ids(example.inputs[start:end]), as_ids(example.targets[start:end]))


def as_ids(values: Tensor) -> Tensor:
    """Ids as int64, however they are stored; features as they are."""
    return values if values.is_floating_point() else values.long()


def split_evenly(row: int, length: int, longest: int) -> Iterator[Window]:
    """An example in as few windows of at most `longest` steps as possible, of about one length."""
    parts = -(-length // longest)
    edges = [length * part // parts for part in range(parts + 1)] if parts else [0]
    yield from (Window(row, start, end) for start, end in zip(edges, edges[1:], strict=False))
