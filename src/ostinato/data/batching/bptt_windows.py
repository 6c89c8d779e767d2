"""Long sequences for truncated backpropagation through time: cut into stretches, which are read side by side, chunk by chunk.

stretches = BpttWindows([Example(inputs [100_000], targets [100_000])], steps=500, batch_size=8)
for batch in stretches.epoch(0): ...      # 8 rows of 500 steps; all but the first of a group continue"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from ostinato.data.batching.batch import Batch, Example, collate
from ostinato.data.batching.buckets import example_seed

LEAST_CHUNKS = 4  # stretches are at least so many chunks long, where the sequences are


class Stretch(NamedTuple):
    """Steps start to end - 1 of an example."""

    example: int
    start: int
    end: int


class BpttWindows:
    """Batches that continue: of a group of stretches the first `steps` steps, then the next ones, until all are read.

    examples    inputs and targets [T] each, of whatever lengths
    steps       how many steps a batch has, after which the gradient is cut off
    batch_size  stretches side by side
    vary        (an example, a seed) -> one of the variations that training may see of it, by epoch and stretch

    Groups are drawn anew for each epoch, from its number alone. ValueError: steps or batch_size below 1."""

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
        self.examples, self.steps, self.batch_size, self.seed, self.vary = (
            examples,
            steps,
            batch_size,
            seed,
            vary,
        )
        lengths = [len(example.inputs) for example in examples]
        longest = max(steps * LEAST_CHUNKS, -(-sum(lengths) // batch_size))
        self.stretches = [
            stretch for row, length in enumerate(lengths) for stretch in cut(row, length, longest)
        ]

    def groups(self, epoch: int) -> list[list[int]]:
        """Which stretches are read side by side: of similar length, in a random order."""
        generator = np.random.default_rng([self.seed, epoch])
        order = generator.permutation(len(self.stretches)).tolist()
        order.sort(
            key=lambda place: self.stretches[place].start - self.stretches[place].end
        )  # stable: equals stay shuffled
        groups = [
            order[first : first + self.batch_size]
            for first in range(0, len(order), self.batch_size)
        ]
        return [groups[place] for place in generator.permutation(len(groups))]

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from step `start` on."""
        for group in self.groups(number):
            chunks = -(
                -max(self.stretches[place].end - self.stretches[place].start for place in group)
                // self.steps
            )
            if start >= chunks:
                start -= chunks
                continue
            yield from islice(
                self.chunks(collate([self.example(place, number) for place in group])), start, None
            )
            start = 0

    def example(self, place: int, epoch: int) -> Example:
        row, start, end = self.stretches[place]
        whole = self.examples[row]
        part = Example(whole.inputs[start:end].long(), whole.targets[start:end].long())
        return part if self.vary is None else self.vary(part, example_seed(self.seed, epoch, place))

    def chunks(self, group: Batch) -> Iterator[Batch]:
        for start in range(0, group.inputs.shape[1], self.steps):
            inputs, targets = (
                each[:, start : start + self.steps] for each in (group.inputs, group.targets)
            )
            lengths = (group.lengths - start).clamp(0, inputs.shape[1])
            yield Batch(inputs, lengths, targets, lengths, continues=start > 0)

    def __len__(self) -> int:
        """Steps in an epoch, the same in each."""
        sizes = sorted((stretch.end - stretch.start for stretch in self.stretches), reverse=True)
        return sum(-(-longest // self.steps) for longest in sizes[:: self.batch_size])

    def __iter__(self) -> Iterator[Batch]:
        return self.epoch(0)


def cut(row: int, length: int, longest: int) -> Iterator[Stretch]:
    """An example in as many parts as are needed, all about as long."""
    parts = -(-length // longest)
    edges = [length * part // parts for part in range(parts + 1)] if parts else [0]
    yield from (Stretch(row, start, end) for start, end in zip(edges, edges[1:], strict=False))
