"""An n-gram model stored as tensors, with the methods of a recurrent language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.baselines.ngram import Level, NGram
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE

PARTS = Level._fields


class NGramNetwork(nn.Module):
    """An n-gram model with the interface of a network.

    Its state is the last tokens [N, order - 1], -1 before the beginning of a text.

    Args:
        tensors: The counts of each order, as `ngram_to_tensors` names them; they become buffers.
        size: Vocabulary size V.
        impossible: Tokens that never occur in a text.
        line_end: The id of the token that ends a line; see `NGram`.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        *,
        size: int,
        impossible: Sequence[int],
        line_end: int | None = None,
    ):
        super().__init__()
        self.line_end = line_end
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)
        self.size, self.impossible, self.order = size, impossible, len(tensors) // len(PARTS)
        self.built: NGram | None = None

    @classmethod
    def from_ngram(cls, ngram: NGram) -> Self:
        network = cls(
            ngram_to_tensors(ngram),
            size=ngram.size,
            impossible=ngram.impossible,
            line_end=ngram.line_end,
        )
        network.built = ngram
        return network

    @property
    def ngram(self) -> NGram:
        """The n-gram model in the buffers; built at first use, after they have been loaded."""
        if self.built is None:
            self.built = ngram_from_tensors(
                dict(self.named_buffers()),
                size=self.size,
                impossible=self.impossible,
                line_end=self.line_end,
            )
        return self.built

    def initial_state(self, rows: int) -> Tensor:
        """The state before a text begins, for `rows` rows."""
        return torch.full((rows, self.order - 1), -1)

    def losses(self, tokens: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        """-log p of each target [N, T], zero where it is -100, and the new state."""
        text = torch.cat([state, tokens.cpu()], 1)
        rows = []
        for history, row, following in zip(
            state.numpy(), tokens.cpu().numpy(), targets.cpu().numpy(), strict=True
        ):
            known = np.concatenate([history[history >= 0], row[:1]])
            # a target is the next token, except the last one of a row, which may be shorter
            wanted = np.where(following == IGNORE, np.append(row[1:], 0), following)
            rows.append(-self.ngram.log_probabilities(known, wanted))
        losses = torch.from_numpy(np.stack(rows)).float().masked_fill(targets.cpu() == IGNORE, 0)
        return losses.to(tokens.device), text[:, text.shape[1] - self.order + 1 :]

    def read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N, T] -> log p [N, V] of the next token, and the new state."""
        text = torch.cat([state, tokens.cpu()], 1)[:, -max(1, self.order - 1) :]
        distributions = [self.ngram.distribution(row[row >= 0].tolist()) for row in text]
        return torch.from_numpy(np.stack(distributions)).log().float(), text[:, : self.order - 1]

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N] -> log p [N, V] of the next token, and the new state."""
        return self.read(tokens.unsqueeze(1), state)


def ngram_to_tensors(ngram: NGram) -> dict[str, Tensor]:
    """The counts of each order as tensors: {"tokens_1": ..., "starts_1": ..., "counts_1": ...}."""
    return {
        f"{part}_{order}": torch.from_numpy(np.ascontiguousarray(getattr(level, part)))
        for order, level in enumerate(ngram.levels, start=1)
        for part in PARTS
    }


def ngram_from_tensors(
    tensors: Mapping[str, Tensor],
    *,
    size: int,
    impossible: Sequence[int],
    line_end: int | None = None,
) -> NGram:
    """The inverse of `ngram_to_tensors`.

    Raises:
        ValueError: A tensor is missing.
    """
    orders = range(1, len(tensors) // len(PARTS) + 1)
    missing = [
        f"{part}_{order}" for order in orders for part in PARTS if f"{part}_{order}" not in tensors
    ]
    if missing or not tensors:
        raise ValueError(f"n-grams: {', '.join(missing) or 'everything'} missing")
    return NGram(
        [Level(*(tensors[f"{part}_{order}"].numpy() for part in PARTS)) for order in orders],
        size=size,
        impossible=impossible,
        line_end=line_end,
    )


def describe_tensors(tensors: Mapping[str, Tensor]) -> dict[str, list[Any]]:
    """Type and shape of each tensor, as JSON values: {"counts_1": ["uint8", 40]}."""
    return {
        name: [str(tensor.dtype).removeprefix("torch."), *tensor.shape]
        for name, tensor in tensors.items()
    }


def allocate_tensors(descriptions: Mapping[str, Sequence[Any]]) -> dict[str, Tensor]:
    """Allocates zeros of the described types and shapes, which loading a model fills.

    allocate_tensors({"counts_1": ["uint8", 40]}) -> {"counts_1": 40 zeros}"""
    return {
        name: torch.zeros(*map(int, shape), dtype=getattr(torch, kind))
        for name, (kind, *shape) in descriptions.items()
    }
