"""Batches of examples of similar length, in an order that follows from seed and epoch alone."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol, Self, runtime_checkable

import numpy as np

from ostinato.data.batching.batch import Batch, Example, Share, collate


class BucketedBatches:
    """Examples in padded batches, epoch by epoch.

    batches = BucketedBatches(examples, tokens=4000, seed=1)
    for batch in batches.epoch(3): ...              # the same order whenever epoch 3 is asked for
    for batch in batches.epoch(3, start=120): ...   # the rest of it after 120 steps, at no cost

    Args:
        examples: read many times; their lengths decide the batches. Those of `MeasuredExamples`
            are not read for it.
        batch_size: at most this many examples a batch, and / or
        tokens: at most this many positions a batch, padding included: rows x the longest input or
            target in it; an example that is longer by itself is a batch by itself.
        shuffle: False keeps the order of the examples, and ends a batch where it is full.
        seed: of the random numbers.
        pool: shuffled examples that are sorted by length at a time: few mix the batches better,
            many need less padding.
        encode: (index, epoch) -> Example, instead of examples[index], to segment a text
            differently each epoch. What it draws must follow from its arguments, or a resumed run
            differs: `tokenizer.encode(text, sample=example_seed(seed, epoch, index))`.

    Raises:
        ValueError: neither batch_size nor tokens, one of them below 1, or a seed below 0.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        *,
        batch_size: int | None = None,
        tokens: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        pool: int = 100_000,
        encode: Callable[[int, int], Example] | None = None,
    ):
        if batch_size is None and tokens is None:
            raise ValueError("batch_size or tokens: one of them must be given")
        for name, value in (("batch_size", batch_size), ("tokens", tokens), ("pool", pool)):
            if value is not None and value < 1:
                raise ValueError(f"{name}: must be 1 or more; got {value}")
        if seed < 0:
            raise ValueError(f"seed: must be 0 or more; got {seed}")
        self.examples, self.encode = examples, encode
        self.batch_size = batch_size or len(examples) + 1
        self.tokens = tokens
        self.shuffle, self.seed, self.pool = shuffle, seed, pool
        self.inputs, self.targets = measure_lengths(examples)
        self.planned: tuple[int, list[np.ndarray]] | None = None  # the last epoch's plan
        self.rank, self.size = 0, 1

    def divide(self, rank: int, size: int) -> Self:
        """The same batches, of which only the rows of process `rank` of `size` are read: every
        `size`-th one from row `rank` on, or the first one, which does not count, if none is left.
        """
        part = copy.copy(self)
        part.rank, part.size = rank, size
        return part

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from step `start` on."""
        for rows in islice(self.plan(number), start, None):
            own = rows[self.rank :: self.size]
            batch = collate(
                [self.example(int(row), number) for row in (*own, *rows[: not len(own)])]
            )
            if self.size > 1:
                steps = int(self.inputs[rows].sum())
                batch = replace(batch, share=Share(len(rows), steps, len(own) > 0))
            yield batch

    def example(self, row: int, epoch: int) -> Example:
        """One example, as it is in this epoch."""
        return self.examples[row] if self.encode is None else self.encode(row, epoch)

    def plan(self, epoch: int) -> list[np.ndarray]:
        """The indices of the examples in each batch of an epoch, every one exactly once."""
        if self.planned is None or self.planned[0] != epoch:
            self.planned = (
                epoch,
                self.draw_batches(epoch)
                if self.shuffle
                else self.fill_batches(np.arange(len(self.inputs))),
            )
        return self.planned[1]

    def draw_batches(self, epoch: int) -> list[np.ndarray]:
        """Shuffles, sorts each pool by length, fills batches, shuffles the batches."""
        generator = np.random.default_rng([self.seed, epoch])
        # as 32 bits: of ten million examples the plan is 40 MB and not 80
        order = generator.permutation(len(self.inputs)).astype(np.uint32)
        batches = []
        for first in range(0, len(order), self.pool):
            rows = order[first : first + self.pool]
            by_lengths = np.lexsort((self.targets[rows], self.inputs[rows]))
            batches += self.fill_batches(rows[by_lengths])
        return [batches[place] for place in generator.permutation(len(batches))]

    def fill_batches(self, order: np.ndarray) -> list[np.ndarray]:
        """Rows in order -> batches, each as full as the limits allow."""
        lengths = np.maximum(self.inputs[order], self.targets[order]).tolist()
        starts, longest, begin = [], 0, 0
        for place, length in enumerate(lengths):
            longest = max(longest, length)
            rows = place - begin + 1
            if place > begin and (
                rows > self.batch_size or (self.tokens and rows * longest > self.tokens)
            ):
                starts.append(place)
                begin, longest = place, length
        return np.split(order, starts) if len(order) else []

    def __len__(self) -> int:
        """Steps in an epoch; with several pools, in epoch 0 (others may differ by a few)."""
        return len(self.plan(0)) if self.planned is None else len(self.planned[1])

    def __iter__(self) -> Iterator[Batch]:
        return self.epoch(0)


def example_seed(seed: int, epoch: int, index: int) -> int:
    """A seed of its own for each example of each epoch, the same on every machine."""
    return zlib.crc32(f"{seed} {epoch} {index}".encode())


@runtime_checkable
class MeasuredExamples(Protocol):
    """Examples whose lengths [N] are known without reading them."""

    input_lengths: np.ndarray
    target_lengths: np.ndarray


def measure_lengths(examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """The lengths of the inputs and of the targets of each example [N]."""
    if isinstance(examples, MeasuredExamples):
        return examples.input_lengths, examples.target_lengths
    return (
        np.array([len(example.inputs) for example in examples], dtype=np.int64),
        np.array([target_length(example) for example in examples], dtype=np.int64),
    )


def target_length(example: Example) -> int:
    """The number of targets of a sequence; 0 where there is one for the whole, or none."""
    return 0 if example.targets is None or example.targets.dim() == 0 else len(example.targets)
