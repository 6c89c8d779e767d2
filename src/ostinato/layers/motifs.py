"""Motif detectors: a convolution over the sequence before the recurrence.

DanQ (Quang and Xie 2016): convolution, pooling, then a bidirectional LSTM. B batch, T time, D
input, F filters, P output size of a body.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.padding import padding_mask


class OneHot(nn.Module):
    """Ids [B, T] -> the rows of a fixed table [B, T, D]."""

    table: Tensor

    def __init__(self, table: Tensor):
        super().__init__()
        self.register_buffer("table", table, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """[B, T] -> [B, T, D]"""
        return self.table[ids]


class Motifs(nn.Module):
    """A convolution over time with relu and optional max pooling.

    Args:
        input_size: D.
        filters: F.
        width: The steps that a filter sees.
        pool: Steps over which the maximum is taken: T' = ceil(T / pool).
        causal: Whether a step sees itself and the width - 1 steps before it, instead of those on
            either side. The inputs before the first step then come in as `before`, and the last
            ones are returned, so that chunks give the result of the whole sequence.

    Raises:
        ValueError: Sizes below 1, an even width unless causal, or pooling with causal.
    """

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
        """Runs the convolution.

        Args:
            x: [B, T, D].
            lengths: [B].
            before: With `causal`, the width - 1 inputs before the first step [B, width - 1, D];
                None: zeros, at the beginning of a sequence.

        Returns:
            The responses [B, T', F], their lengths [B], and with `causal` the last width - 1 inputs
            [B, width - 1, D], else None.
        """
        mask = padding_mask(lengths, x.shape[1], x.device).unsqueeze(-1)
        x = x.masked_fill(~mask, 0)
        if self.causal:
            before = (
                x.new_zeros(x.shape[0], self.width - 1, x.shape[2]) if before is None else before
            )
            padded = torch.cat([before, x], 1)
            positions = lengths.to(x.device)[:, None] + torch.arange(
                self.width - 1, device=x.device
            )
            tail = padded.take_along_dim(positions.unsqueeze(-1), 1)
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
    """The body of a classifier behind motif detectors, itself a body.

    Returns the body's vector, and concatenated to it the maximum of each filter over the sequence,
    which the recurrence then need not learn to pass on. For a body that returns a vector for each
    step, this is done at each step.

    Args:
        motifs: The convolution.
        body: (responses [B, T', F], lengths [B]) -> [B, P], or [B, T', P].
    """

    def __init__(self, motifs: Motifs, body: Any):
        super().__init__()
        self.motifs, self.body, self.output_size = (
            motifs,
            body,
            body.output_size + motifs.output_size,
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Vectors [B, T, D], lengths [B] -> [B, P + F], or [B, T', P + F]"""
        found, lengths, _ = self.motifs(x, lengths)
        states, most = self.body(found, lengths), found.amax(1)
        if states.dim() == 3:
            most = most.unsqueeze(1).expand(-1, states.shape[1], -1)
        return torch.cat([states, most], -1)
