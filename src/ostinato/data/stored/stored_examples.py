"""Encoded examples on disk as a sequence, for batches of data that is larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from ostinato.data.batching.batch import Example
from ostinato.data.batching.bptt_windows import Window
from ostinato.data.stored.array_file import ArrayFile, ArrayWriter
from ostinato.data.stored.ragged_file import RaggedFile, RaggedWriter
from ostinato.data.stored.stored_records import MappedRecords
from ostinato.errors import InputError, option_name

INPUTS, TARGETS, SCALARS = "inputs", "targets", "scalar-targets"
LETTERS, SPELLED = "letters", "letters-of-each-word"


def write_examples(folder: Path, examples: Iterable[Example]) -> int:
    """Writes examples, all of the same kind as the first, and gives their number."""
    rest = iter(examples)
    first = next(rest)
    targets, spellings = first.targets, first.spellings
    if first.readings is not None:
        raise InputError(
            f"{option_name('cache')}: what the language models of {option_name('embeddings')} read "
            "is not indexed; leave out one of the two"
        )
    with ExitStack() as stack:
        inputs = stack.enter_context(RaggedWriter(folder, INPUTS))
        rows = scalars = letters = spelled = None
        if targets is not None and targets.dim():
            rows = stack.enter_context(RaggedWriter(folder, TARGETS))
        elif targets is not None:
            scalars = stack.enter_context(ArrayWriter(folder / f"{SCALARS}.npy"))
        if spellings is not None:
            letters = stack.enter_context(RaggedWriter(folder, LETTERS))
            spelled = stack.enter_context(ArrayWriter(folder / f"{SPELLED}.npy"))
        for example in chain([first], rest):
            inputs.append(example.inputs.numpy())
            if rows is not None:
                rows.append(require(example.targets).numpy())
            if scalars is not None:
                scalars.append(require(example.targets).numpy()[None])
            if letters is not None and spelled is not None:
                words = example.spellings or ()
                letters.append(np.fromiter(chain.from_iterable(words), np.int64))
                spelled.append(np.fromiter(map(len, words), np.int64, len(words)))
    return inputs.count


def require(targets: Tensor | None) -> Tensor:
    """The targets; ValueError where an example has none though the first one has."""
    if targets is None:
        raise ValueError("an example without targets among those that have some")
    return targets


class StoredExamples(Sequence[Example]):
    """What `write_examples` has written: the same tensors, read when asked for.

    Attributes:
        input_lengths: of each example's inputs [N] int32.
        target_lengths: of each example's targets [N] int32; 0 where they are scalars, or none.
    """

    def __init__(self, folder: Path):
        self.inputs = RaggedFile(folder, INPUTS)
        self.targets = RaggedFile(folder, TARGETS) if has(folder, TARGETS) else None
        self.scalars = ArrayFile(folder / f"{SCALARS}.npy") if has(folder, SCALARS) else None
        self.letters = RaggedFile(folder, LETTERS) if has(folder, LETTERS) else None
        self.spelled = ArrayFile(folder / f"{SPELLED}.npy") if has(folder, SPELLED) else None
        self.input_lengths = self.inputs.lengths()
        self.target_lengths = (
            np.broadcast_to(np.int32(0), len(self.inputs))  # one number, whatever the length
            if self.targets is None
            else self.targets.lengths()
        )

    def __len__(self) -> int:
        return len(self.inputs)

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...

    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"example {index} of {len(self)}")
        row = index % len(self)
        start, stop = self.inputs.find(row)
        targets = spellings = None
        if self.targets is not None:
            targets = as_tensor(self.targets.read(row))
        elif self.scalars is not None:
            targets = as_tensor(self.scalars.read(row, row + 1))[0]
        if self.letters is not None and self.spelled is not None:
            letters = self.letters.read(row).tolist()
            spellings = split(letters, self.spelled.read(start, stop).tolist())
        return Example(as_tensor(self.inputs.values.read(start, stop)), targets, spellings)


class LongStoredExamples:
    """Stored examples of which a few steps are read at a time, for `BpttWindows`."""

    def __init__(self, examples: StoredExamples):
        self.examples = examples
        self.lengths: Sequence[int] = examples.input_lengths.tolist()

    def read(self, window: Window, draw: int, start: int, end: int) -> Example:
        inputs, targets = self.examples.inputs, self.examples.targets
        assert targets is not None
        start, end = (min(window.start + step, window.end) for step in (start, end))
        return Example(
            as_tensor(read_part(inputs, window.example, start, end)),
            as_tensor(read_part(targets, window.example, start, end)),
        )


def read_part(file: RaggedFile, row: int, start: int, end: int) -> np.ndarray:
    """Rows `start` to `end` - 1 of one row [n, ...]."""
    first = file.find(row)[0]
    return file.values.read(first + start, first + end)


class EncodedOnRequest(MappedRecords[Example]):
    """Examples that are encoded from records on disk whenever they are asked for.

    Args:
        records: What is encoded.
        encode: A record -> its example.
        input_lengths, target_lengths: As of `StoredExamples`.
    """

    def __init__(
        self,
        records: Sequence[Any],
        encode: Callable[[Any], Example],
        input_lengths: np.ndarray,
        target_lengths: np.ndarray,
    ):
        super().__init__(encode, records)
        self.input_lengths, self.target_lengths = input_lengths, target_lengths


def has(folder: Path, name: str) -> bool:
    """Whether the examples have this part."""
    return (folder / f"{name}.npy").exists()


def as_tensor(values: np.ndarray) -> Tensor:
    """Integers as int64, other numbers as they are."""
    return torch.from_numpy(values.astype(np.int64 if values.dtype.kind == "i" else values.dtype))


def split(letters: list[int], lengths: list[int]) -> list[tuple[int, ...]]:
    """split([7, 8, 9], [2, 1]) -> [(7, 8), (9,)]"""
    words, start = [], 0
    for length in lengths:
        words.append(tuple(letters[start : start + length]))
        start += length
    return words
