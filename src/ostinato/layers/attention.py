"""Attention: where in the source a decoder looks.

    scores_us = score(query_u, memory_s);  weights_u = softmax(scores_u);  context_u = sum_s weights_us memory_s

score is `dot`: q.m (Luong et al. 2015, eq. 8, first line), `general`: q.(W m) (second line), or
`additive`: v.tanh(W q + U m) (Bahdanau et al. 2015, appendix A.1.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ostinato.kernels import linear


@dataclass(frozen=True)
class Memory:
    """What a decoder may look at, one a source; `width` hypotheses in a row share each, so that a beam never copies it.

    values [B, S, M]; keys [B, S, K] are the values as the score wants them; mask [B, S] is True at real positions."""

    values: Tensor
    keys: Tensor
    mask: Tensor
    width: int = 1

    def map(self, function: Callable[[Tensor], Tensor]) -> Memory:
        return Memory(function(self.values), function(self.keys), function(self.mask), self.width)

    def select(self, index: Tensor) -> Memory:
        """The memory of rows `index` [N'] among B * width rows, still shared where that is possible."""
        sources, counts = torch.unique_consecutive(index // self.width, return_counts=True)
        width = int(counts[0]) if len(counts) else 1
        if not bool((counts == width).all()):
            sources, width = index // self.width, 1
        batch = self.values.shape[0]
        if len(sources) == batch and bool(
            (sources == torch.arange(batch, device=index.device)).all()
        ):
            return Memory(self.values, self.keys, self.mask, width)
        return Memory(self.values[sources], self.keys[sources], self.mask[sources], width)


class Attention(nn.Module):
    """Query [N, U, Q], memory of N / width sources -> (context [N, U, M], weights [N, U, S]).

    A source without a single real position gets the context zero."""

    def __init__(self, kind: str, query_size: int, memory_size: int, *, size: int | None = None):
        super().__init__()
        if kind not in SCORES:
            raise ValueError(f"kind must be one of {', '.join(SCORES)}; got {kind!r}")
        if kind == "dot" and query_size != memory_size:
            raise ValueError(
                f"dot attention needs query_size equal to memory_size; got {query_size} and {memory_size}"
            )
        self.kind = kind
        if kind == "general":
            self.key = nn.Linear(memory_size, query_size, bias=False)
        if kind == "additive":
            size = size or query_size
            self.key = nn.Linear(memory_size, size)
            self.query = nn.Linear(query_size, size, bias=False)
            self.energy = nn.Linear(size, 1, bias=False)

    def remember(self, values: Tensor, mask: Tensor) -> Memory:
        """Values [B, S, M] and mask [B, S] -> the memory, its keys computed once for all steps."""
        return Memory(
            values,
            values if self.kind == "dot" else linear(values, self.key.weight, self.key.bias),
            mask,
        )

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        rows, steps, size = query.shape
        sources = memory.values.shape[0]
        # the hypotheses of one source stand in a row: as further steps of the same query they share its memory
        scores = SCORES[self.kind](self, query.reshape(sources, -1, size), memory.keys)
        scores = scores.masked_fill(~memory.mask.unsqueeze(1), torch.finfo(scores.dtype).min)
        weights = scores.softmax(-1) * memory.mask.unsqueeze(1)
        context = weights @ memory.values
        return context.reshape(rows, steps, -1), weights.reshape(rows, steps, -1)


def score_dot(attention: Attention, query: Tensor, keys: Tensor) -> Tensor:
    return query @ keys.transpose(1, 2)


def score_additive(attention: Attention, query: Tensor, keys: Tensor) -> Tensor:
    return attention.energy(
        (attention.query(query).unsqueeze(2) + keys.unsqueeze(1)).tanh()
    ).squeeze(-1)


SCORES = {"dot": score_dot, "general": score_dot, "additive": score_additive}
