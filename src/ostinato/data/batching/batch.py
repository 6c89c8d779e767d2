"""Examples, and the padded batches made of them.

Letters used everywhere: B batch, T time, S source time, D input, H hidden, V vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ostinato.data.batching.readings import Reading, Readings, collate_readings

PAD = 0  # inputs are padded with <pad>
IGNORE = -100  # targets are padded with this, and the loss ignores it


class Example(NamedTuple):
    """One encoded record.

    Attributes:
        inputs: [T] token ids, or [T, D] features.
        targets: [U], a scalar, or None.
        spellings: the character ids of each of the T words, where a model reads them.
        readings: what each language model reads of the T words, where a model has any.
    """

    inputs: Tensor
    targets: Tensor | None = None
    spellings: Sequence[tuple[int, ...]] | None = None
    readings: Sequence[Reading] | None = None


@dataclass(frozen=True)
class Spellings:
    """The characters of the words of a batch, each different word once.

    Attributes:
        characters: [W, C] int64, zero beyond each length.
        lengths: [W] int64, on the CPU.
        places: [B, T] int64, the index of the word among the W (0 in the padding).
    """

    characters: Tensor
    lengths: Tensor
    places: Tensor

    def to(self, device: torch.device | str) -> Spellings:
        """The same on `device`; lengths stay on the CPU, where they are read."""
        return replace(self, characters=self.characters.to(device), places=self.places.to(device))

    def rows(self, index: slice, steps: int) -> Spellings:
        """Those of some rows of the batch, truncated to the first `steps` steps."""
        return replace(self, places=self.places[index, :steps])


class Share(NamedTuple):
    """What a process must know of the whole batch, of which it holds some rows.

    Attributes:
        rows: of the whole batch.
        steps: input steps of the whole batch, without padding.
        counts: False where no row was left for this process: it holds the first row, whose loss
            does not count.
    """

    rows: int
    steps: int
    counts: bool


@dataclass(frozen=True)
class Batch:
    """Padded examples.

    Attributes:
        inputs: [B, T] int64 or [B, T, D] float, zero beyond each length.
        lengths: [B] int64, on the CPU.
        targets: [B, U] int64 padded with -100, [B] int64, or [B, U, ...] float; None when
            predicting.
        target_lengths: [B] int64, on the CPU.
        continues: whether these rows continue those of the batch before, so that the state is
            carried over (truncated BPTT).
        spellings: the characters of the inputs' words; None where the model reads none.
        readings: what each language model reads of the inputs' words; empty where there is none.
        share: where these rows are those of one process of several; None: all rows are here.
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor | None = None
    target_lengths: Tensor | None = None
    continues: bool = False
    spellings: Spellings | None = None
    readings: tuple[Readings, ...] = ()
    share: Share | None = None

    def __len__(self) -> int:
        return self.inputs.shape[0]

    @property
    def sequences(self) -> int:
        """Rows of the whole batch, those of other processes included."""
        return len(self) if self.share is None else self.share.rows

    @property
    def steps(self) -> int:
        """Input steps of the whole batch, without padding."""
        return int(self.lengths.sum()) if self.share is None else self.share.steps

    def to(self, device: torch.device | str) -> Batch:
        """The same batch with inputs and targets on `device`; lengths stay on the CPU."""
        targets = None if self.targets is None else self.targets.to(device)
        spellings = None if self.spellings is None else self.spellings.to(device)
        readings = tuple(each.to(device) for each in self.readings)
        inputs = self.inputs.to(device)
        return replace(self, inputs=inputs, targets=targets, spellings=spellings, readings=readings)


def pad(rows: list[Tensor], value: float) -> tuple[Tensor, Tensor]:
    """pad([tensor([7, 8]), tensor([9])], 0) -> ([[7, 8], [9, 0]], [2, 1])"""
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value), lengths


def collate(examples: list[Example]) -> Batch:
    """Examples -> one padded Batch, in the same order.

    All of them have targets, or none; and the same for spellings and readings."""
    inputs, lengths = pad([example.inputs for example in examples], PAD)
    rows = [example.targets for example in examples if example.targets is not None]
    targets = target_lengths = None
    if rows and rows[0].dim() == 0:
        targets = torch.stack(rows)
    elif rows:
        targets, target_lengths = pad(rows, IGNORE)
    words = [example.spellings for example in examples if example.spellings is not None]
    spellings = collate_spellings(words) if words else None
    read = [example.readings for example in examples if example.readings is not None]
    readings = collate_readings(read) if read else ()
    return Batch(inputs, lengths, targets, target_lengths, spellings=spellings, readings=readings)


def collate_spellings(rows: Sequence[Sequence[tuple[int, ...]]]) -> Spellings:
    """collate_spellings([[(7, 8), (9,)], [(7, 8)]])
    -> characters [[7, 8], [9, 0]], places [[0, 1], [0, 0]]"""
    ids: dict[tuple[int, ...], int] = {}
    places = [
        torch.tensor([ids.setdefault(word, len(ids)) for word in row], dtype=torch.int64)
        for row in rows
    ]
    longest = max(map(len, ids), default=0)
    characters = torch.tensor(
        [word + (PAD,) * (longest - len(word)) for word in ids], dtype=torch.int64
    )
    lengths = torch.tensor([len(word) for word in ids], dtype=torch.int64)
    return Spellings(characters.view(len(ids), longest), lengths, pad(places, 0)[0])


def by_length(
    examples: Sequence[Example], *, tokens: int = 4096, key: Callable[[Example], Any] | None = None
) -> Iterator[list[int]]:
    """Indices of examples in batches of similar length, for predicting.

    by_length of lengths [3, 0, 1, 3] -> [[2, 0, 3]]: examples without inputs are left out

    Args:
        examples: in any order; the indices put the answers back into it.
        tokens: at most this many padded ones a batch.
        key: to sort by; default: the length.
    """
    key = key or (lambda example: len(example.inputs))
    rows = sorted(
        (row for row, example in enumerate(examples) if len(example.inputs)),
        key=lambda row: key(examples[row]),
    )
    group: list[int] = []
    longest = 0
    for row in rows:
        longest = max(longest, len(examples[row].inputs))
        if group and longest * (len(group) + 1) > tokens:
            yield group
            group, longest = [], len(examples[row].inputs)
        group.append(row)
    if group:
        yield group
