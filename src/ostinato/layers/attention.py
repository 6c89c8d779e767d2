"""Attention: a decoder's weighted mean of the source's vectors.

    scores_us = score(query_u, memory_s);  weights_u = softmax(scores_u)
    context_u = sum_s weights_us memory_s

The score is `dot`: q.m (Luong et al. 2015, eq. 8, first line), `general`: q.(W m) (second line), or
`additive`: v.tanh(W q + U m) (Bahdanau et al. 2015, appendix A.1.2).

B sources, S source steps, N rows of decoding, U target steps, Q query size, M size of the source's
vectors, K key size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ostinato.kernels import linear


@dataclass(frozen=True)
class Memory:
    """The source's vectors and keys, shared by `width` consecutive rows of decoding per source.

    The hypotheses of a beam search share their source's memory; it is never copied for them.

    Attributes:
        values: The source's vectors [B, S, M].
        keys: The values as the score needs them [B, S, K].
        mask: The padding mask [B, S], True at real positions.
        width: Rows of decoding for each source.
    """

    values: Tensor
    keys: Tensor
    mask: Tensor
    width: int = 1

    def map(self, function: Callable[[Tensor], Tensor]) -> Memory:
        """The memory with `function` applied to each tensor."""
        return Memory(function(self.values), function(self.keys), function(self.mask), self.width)

    def select(self, index: Tensor) -> Memory:
        """The memory of the rows `index` [N'] among B * width rows, shared where possible."""
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
    """Attention of one of three kinds.

    Args:
        kind: `dot`, `general` or `additive`.
        query_size: Q; for `dot` equal to M.
        memory_size: M.
        size: The hidden size of `additive`; Q unless given.

    Raises:
        ValueError: An unknown kind, or `dot` with unequal sizes.
    """

    def __init__(self, kind: str, query_size: int, memory_size: int, *, size: int | None = None):
        super().__init__()
        if kind not in SCORES:
            raise ValueError(f"kind must be one of {', '.join(SCORES)}; got {kind!r}")
        if kind == "dot" and query_size != memory_size:
            raise ValueError(
                f"dot attention needs query_size equal to memory_size; got {query_size} and "
                f"{memory_size}"
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
        """The memory of a source, with keys computed once for all decoding steps.

        Args:
            values: [B, S, M].
            mask: The padding mask [B, S].
        """
        return Memory(
            values,
            values if self.kind == "dot" else linear(values, self.key.weight, self.key.bias),
            mask,
        )

    def forward(
        self, query: Tensor, memory: Memory, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attends to the memory.

        Args:
            query: [N, U, Q] with N = B * width.
            memory: Of B sources.
            before: The weights of the step before [N, S], which only location-aware attention
                reads.

        Returns:
            The contexts [N, U, M] and the weights [N, U, S]; both zero for a source without a
            single real position.
        """
        rows, steps, size = query.shape
        sources = memory.values.shape[0]
        # a source's hypotheses are consecutive: as further steps of one query they share its memory
        scores = SCORES[self.kind](self, query.reshape(sources, -1, size), memory.keys)
        scores = scores.masked_fill(~memory.mask.unsqueeze(1), torch.finfo(scores.dtype).min)
        weights = scores.softmax(-1) * memory.mask.unsqueeze(1)
        context = weights @ memory.values
        return context.reshape(rows, steps, -1), weights.reshape(rows, steps, -1)


def score_dot(attention: Attention, query: Tensor, keys: Tensor) -> Tensor:
    """Query [B, U, Q] and keys [B, S, Q] -> [B, U, S]"""
    return query @ keys.transpose(1, 2)


def score_additive(attention: Attention, query: Tensor, keys: Tensor) -> Tensor:
    """Query [B, U, Q] and keys [B, S, K] -> [B, U, S]"""
    return attention.energy(
        (attention.query(query).unsqueeze(2) + keys.unsqueeze(1)).tanh()
    ).squeeze(-1)


SCORES = {"dot": score_dot, "general": score_dot, "additive": score_additive}
