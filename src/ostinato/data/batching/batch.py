"""Examples, and the padded batches made of them.

Letters used everywhere: B batch, T time, S source time, D input, H hidden, V vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

PAD = 0  # inputs are padded with <pad>
IGNORE = -100  # targets are padded with this, and the loss passes over it


class Example(NamedTuple):
    """One encoded record: `inputs` [T] of token numbers or [T, D] of features; `targets` [U], a scalar, or None;
    `spellings`, where a model reads them, the T inputs' own sequences: each word's character numbers."""

    inputs: Tensor
    targets: Tensor | None = None
    spellings: Sequence[tuple[int, ...]] | None = None


@dataclass(frozen=True)
class Spellings:
    """How the inputs of a batch are spelled, each different word once.

    characters  [W, C] int64, zero beyond each length;  lengths [W] int64, on the CPU
    places      [B, T] int64, which of the W words stands there (0 in the padding)
    """

    characters: Tensor
    lengths: Tensor
    places: Tensor

    def to(self, device: torch.device | str) -> Spellings:
        return replace(self, characters=self.characters.to(device), places=self.places.to(device))

    def rows(self, index: slice, steps: int) -> Spellings:
        """Those of some rows of the batch, cut to so many steps."""
        return replace(self, places=self.places[index, :steps])


@dataclass(frozen=True)
class Batch:
    """Padded examples.

    inputs          [B, T] int64 or [B, T, D] float, zero beyond each length
    lengths         [B] int64, on the CPU
    targets         [B, U] int64 padded with -100, [B] int64, or [B, U, ...] float; None when predicting
    target_lengths  [B] int64, on the CPU
    continues       these rows go on where those of the batch before stopped: carry the state (truncated BPTT)
    spellings       the inputs' own sequences, a word's characters; None where the model reads none
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor | None = None
    target_lengths: Tensor | None = None
    continues: bool = False
    spellings: Spellings | None = None

    def __len__(self) -> int:
        return self.inputs.shape[0]

    def to(self, device: torch.device | str) -> Batch:
        """The same batch with inputs and targets on `device`; lengths stay on the CPU, where they are read."""
        targets = None if self.targets is None else self.targets.to(device)
        spellings = None if self.spellings is None else self.spellings.to(device)
        return replace(self, inputs=self.inputs.to(device), targets=targets, spellings=spellings)


def pad(rows: list[Tensor], value: float) -> tuple[Tensor, Tensor]:
    """pad([tensor([7, 8]), tensor([9])], 0) -> ([[7, 8], [9, 0]], [2, 1])"""
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value), lengths


def collate(examples: list[Example]) -> Batch:
    """Examples -> one padded Batch, in the same order."""
    inputs, lengths = pad([example.inputs for example in examples], PAD)
    targets = target_lengths = None
    if examples[0].targets is not None:
        rows = [example.targets for example in examples]
        if rows[0].dim() == 0:
            targets = torch.stack(rows)
        else:
            targets, target_lengths = pad(rows, IGNORE)
    spellings = (
        None
        if examples[0].spellings is None
        else collate_spellings([example.spellings for example in examples])
    )
    return Batch(inputs, lengths, targets, target_lengths, spellings=spellings)


def collate_spellings(rows: Sequence[Sequence[tuple[int, ...]]]) -> Spellings:
    """collate_spellings([[(7, 8), (9,)], [(7, 8)]]) -> characters [[7, 8], [9, 0]], places [[0, 1], [0, 0]]"""
    numbers: dict[tuple[int, ...], int] = {}
    places = [
        torch.tensor([numbers.setdefault(word, len(numbers)) for word in row], dtype=torch.int64)
        for row in rows
    ]
    longest = max(map(len, numbers), default=0)
    characters = torch.tensor(
        [word + (PAD,) * (longest - len(word)) for word in numbers], dtype=torch.int64
    )
    lengths = torch.tensor([len(word) for word in numbers], dtype=torch.int64)
    return Spellings(characters.view(len(numbers), longest), lengths, pad(places, 0)[0])


def by_length(
    examples: Sequence[Example], *, tokens: int = 4096, key: Callable[[Example], Any] | None = None
) -> Iterator[list[int]]:
    """Row numbers in batches of similar length, at most `tokens` padded tokens each; examples without inputs are left out.

    by_length of lengths [3, 0, 1, 3] -> [[2, 0, 3]]: what predicting uses, and puts its answers back by row."""
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
