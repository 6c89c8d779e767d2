"""Motif detectors: filters that slide over a sequence in front of the recurrence (Quang and Xie 2016, DanQ: convolution,
pooling, then a bidirectional LSTM)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.padding import padding_mask


class OneHot(nn.Module):
    """Numbers [B, T] -> vectors [B, T, D]: the rows of a table that is not learned."""

    def __init__(self, table: Tensor):
        super().__init__()
        self.register_buffer("table", table, persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        return self.table[numbers]


class Motifs(nn.Module):
    """Vectors [B, T, D], lengths [B] -> (relu(filters over `width` steps) [B, T', F], lengths [B], tail).

    pool    of so many neighbouring steps the strongest answer is kept: T' = ceil(T / pool)
    causal  a step sees itself and the width - 1 steps before it, not those around it; what was before the first step comes in as
            `before` [B, width - 1, D] (zeros at the beginning of a sequence), and the last ones go out as the tail, so that a
            sequence read in chunks gets the answers of the whole one

    ValueError for sizes below 1, an even width that is not causal, pooling where chunks continue."""

    def __init__(
        self, input_size: int, filters: int, width: int, *, pool: int = 1, causal: bool = False
    ):
        super().__init__()
        for name, value in (("filters", filters), ("width", width), ("pool", pool)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}")
        if not causal and width % 2 == 0:
            raise ValueError(f"width must be odd, as many steps on either side; got {width}")
        if causal and pool > 1:
            raise ValueError(f"pool must be 1 where a sequence is read in chunks; got {pool}")
        self.layer = nn.Conv1d(input_size, filters, width)
        self.width, self.pool, self.causal = width, pool, causal
        self.output_size = filters

    def forward(
        self, x: Tensor, lengths: Tensor, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        mask = padding_mask(lengths, x.shape[1], x.device).unsqueeze(-1)
        x = x.masked_fill(~mask, 0)
        if self.causal:
            before = (
                x.new_zeros(x.shape[0], self.width - 1, x.shape[2]) if before is None else before
            )
            padded = torch.cat([before, x], 1)
            places = lengths.to(x.device)[:, None] + torch.arange(self.width - 1, device=x.device)
            tail = padded.take_along_dim(places.unsqueeze(-1), 1)
        else:
            padded, tail = functional.pad(x, (0, 0, self.width // 2, self.width // 2)), None
        found = self.layer(padded.transpose(1, 2)).relu().transpose(1, 2).masked_fill(~mask, 0)
        if self.pool == 1:
            return found, lengths, tail
        pooled = functional.max_pool1d(found.transpose(1, 2), self.pool, ceil_mode=True).transpose(
            1, 2
        )
        return pooled, (lengths + self.pool - 1) // self.pool, tail


class WithMotifs(nn.Module):
    """Motif detectors before the body of a classifier, as a body: (vectors [B, T, D], lengths) -> [B, P + F].

    What the body makes of the motifs' order and places, and beside it the most that each motif was found anywhere: the recurrence
    need not first learn to pass on what is there. A body that answers for each step, [B, T', P], gets it at each step."""

    def __init__(self, motifs: Motifs, body: nn.Module):
        super().__init__()
        self.motifs, self.body, self.output_size = (
            motifs,
            body,
            body.output_size + motifs.output_size,
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        found, lengths, _ = self.motifs(x, lengths)
        states, most = self.body(found, lengths), found.amax(1)
        if states.dim() == 3:
            most = most.unsqueeze(1).expand(-1, states.shape[1], -1)
        return torch.cat([states, most], -1)
