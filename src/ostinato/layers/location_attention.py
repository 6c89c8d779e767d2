"""Location-aware attention: a decoder that knows where it attended at the step before.

    scores_us = v.tanh(W q_u + U m_s + V f_us),  f_u = F * weights_{u-1}

(Chorowski et al. 2015, Attention-based models for speech recognition, equations 8 and 9): K filters
over the weights of the step before tell what lies ahead of them, so that nothing is skipped or said
twice.

B sources, S source steps, N rows of decoding, U target steps, Q query size, M size of the source's
vectors, A size of the hidden layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.layers.attention import Attention, Memory

FILTERS, REACH = 10, 15  # K, and how many source steps each filter sees to either side


class LocationAttention(Attention):
    """Additive attention that reads its own weights of the step before.

    Args:
        query_size: Q.
        memory_size: M.
        size: A; Q unless given.
        filters: K.
        reach: Source steps that a filter sees to either side.
    """

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        *,
        size: int | None = None,
        filters: int = FILTERS,
        reach: int = REACH,
    ):
        super().__init__("additive", query_size, memory_size, size=size)
        self.filters = nn.Conv1d(1, filters, 2 * reach + 1, padding=reach, bias=False)
        self.location = nn.Linear(filters, size or query_size, bias=False)

    def forward(
        self, query: Tensor, memory: Memory, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attends to the memory, one target step after the other.

        Args:
            query: [N, U, Q] with N = B * width.
            memory: Of B sources.
            before: The weights of the step before the first [N, S]; zeros unless given.

        Returns:
            The contexts [N, U, M] and the weights [N, U, S]; both zero for a source without a
            single real position.
        """
        rows, steps = query.shape[:2]
        keys, values, mask = (
            each.repeat_interleave(memory.width, 0) if memory.width > 1 else each
            for each in (memory.keys, memory.values, memory.mask)
        )
        weights = query.new_zeros(rows, keys.shape[1]) if before is None else before
        queries, found = self.query(query), []  # [N, U, A]
        for step in range(steps):
            seen = self.location(self.filters(weights[:, None]).transpose(1, 2))  # [N, S, A]
            scores = self.energy((queries[:, step, None] + keys + seen).tanh())[..., 0]  # [N, S]
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
            weights = scores.softmax(-1) * mask
            found.append(weights)
        whole = torch.stack(found, 1)  # [N, U, S]
        return whole.to(values.dtype) @ values, whole
