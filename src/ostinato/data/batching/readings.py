"""What language models read of the words of examples, and the padded batches made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Reading(NamedTuple):
    """What one language model reads of an example of T words.

    Attributes:
        tokens: [L] int64 ids, in the order in which the model reads them.
        ends: [T] int64, for each word the position of its last token: the state there is the
            word's vector.
    """

    tokens: Tensor
    ends: Tensor


@dataclass(frozen=True)
class Readings:
    """What one language model reads of the examples of a batch.

    Attributes:
        tokens: [B, L] int64, zero beyond each length.
        lengths: [B] int64, on the CPU.
        ends: [B, T] int64, -1 beyond the words of a row.
        answers: What a network without gradients has answered to this batch, by the network, so
            that the members of an ensemble which share it compute it once.
    """

    tokens: Tensor
    lengths: Tensor
    ends: Tensor
    answers: dict[Any, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def to(self, device: torch.device | str) -> Readings:
        """The same on `device`; lengths stay on the CPU, where they are read."""
        tokens, ends = self.tokens.to(device), self.ends.to(device)
        return replace(self, tokens=tokens, ends=ends, answers={})

    def rows(self, index: slice, steps: int) -> Readings:
        """Those of some rows of the batch, the words truncated to the first `steps`."""
        return Readings(self.tokens[index], self.lengths[index], self.ends[index, :steps])


def cut_readings(readings: Sequence[Reading] | None, steps: int) -> list[Reading] | None:
    """The readings of the first `steps` words."""
    if readings is None:
        return None
    return [reading._replace(ends=reading.ends[:steps]) for reading in readings]


def repeat_readings(
    readings: Sequence[Reading] | None, times: int, length: int
) -> list[Reading] | None:
    """Readings whose words are repeated, and cut to `length` words."""
    if readings is None:
        return None
    return [each._replace(ends=torch.cat([each.ends] * times)[:length]) for each in readings]


def collate_readings(rows: Sequence[Sequence[Reading]]) -> tuple[Readings, ...]:
    """For each language model, the readings of all rows, padded."""
    return tuple(
        Readings(
            pad_rows([each.tokens for each in column], 0),
            torch.tensor([len(each.tokens) for each in column], dtype=torch.int64),
            pad_rows([each.ends for each in column], -1),
        )
        for column in zip(*rows, strict=True)
    )


def pad_rows(rows: list[Tensor], value: float) -> Tensor:
    """pad_rows([tensor([7, 8]), tensor([9])], 0) -> [[7, 8], [9, 0]]"""
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)
