"""A small language model and its batches: what the tests of this folder train."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import nn

from ostinato.data.batching.batch import Batch, Example, collate
from ostinato.models.loss import Loss

VOCABULARY = 11


class Toy(nn.Module):
    """Next-token prediction with an LSTM, dropout, tied weights and a carried state."""

    def __init__(self, *, dropout: float = 0.3, sparse: bool = False, tied: bool = True):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 8, sparse=sparse)
        self.recurrent = nn.LSTM(8, 8, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(8, VOCABULARY)
        if tied and not sparse:
            self.output.weight = self.embedding.weight

    def loss(self, batch: Batch, state=None) -> Loss:
        hidden, state = self.recurrent(self.dropout(self.embedding(batch.inputs)), state)
        logits = self.output(self.dropout(hidden))
        total = nn.functional.cross_entropy(
            logits.flatten(0, 1), batch.targets.flatten(), reduction="sum"
        )
        return Loss(total, int((batch.targets >= 0).sum()), state)


def sum_losses(model: nn.Module, batches: Iterable[Batch]) -> tuple[float, int]:
    """(sum of the losses, number of tokens) without dropout; the state is carried where
    batches continue.
    """
    was_training = model.training
    total, count, state = 0.0, 0, None
    model.eval()
    try:
        with torch.no_grad():
            for batch in batches:
                loss, tokens, state = model.loss(batch, state if batch.continues else None)
                total, count = total + loss.item(), count + int(tokens)
    finally:
        model.train(was_training)
    return total, count


def toy(seed: int = 0, **options) -> Toy:
    torch.manual_seed(seed)
    return Toy(**options)


def examples(count: int, *, seed: int = 0, longest: int = 7) -> list[Example]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, longest + 1, (count,), generator=generator).tolist()
    return [
        Example(*(torch.randint(1, VOCABULARY, (length,), generator=generator) for _ in range(2)))
        for length in lengths
    ]


def batches(count: int, *, rows: int = 3, seed: int = 0) -> list[Batch]:
    found = examples(count * rows, seed=seed)
    return [collate(found[i : i + rows]) for i in range(0, len(found), rows)]


def stream(count: int, *, rows: int = 2, length: int = 4, seed: int = 0) -> list[Batch]:
    """A text in `rows` columns, cut into `count` pieces that continue one another."""
    generator = torch.Generator().manual_seed(seed)
    text = torch.randint(1, VOCABULARY, (rows, count * length + 1), generator=generator)
    lengths = torch.full((rows,), length)
    return [
        Batch(
            text[:, i : i + length],
            lengths,
            text[:, i + 1 : i + length + 1],
            lengths,
            continues=i > 0,
        )
        for i in range(0, count * length, length)
    ]


class Shuffled:
    """Batches in an order that follows from the epoch's number."""

    def __init__(self, found: list[Batch]):
        self.found = found

    def __len__(self) -> int:
        return len(self.found)

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        order = torch.randperm(
            len(self.found), generator=torch.Generator().manual_seed(number)
        ).tolist()
        return iter([self.found[i] for i in order[start:]])


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether all weights agree bit for bit."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
