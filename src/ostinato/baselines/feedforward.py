"""A feedforward network over a sequence of fixed length: what recurrence does better shows beside it.

Every place has weights of its own, so nothing learned at one place helps at another, and what lies beyond is not seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.padding import padding_mask


class Feedforward(nn.Module):
    """Vectors [B, T, E] -> relu(W flatten(x) + b) [B, H] of the first `length` steps, filled up with zeros."""

    def __init__(self, input_size: int, hidden_size: int, *, length: int):
        super().__init__()
        if length < 1:
            raise ValueError(f"length must be at least 1; got {length}")
        self.length, self.output_size = length, hidden_size
        self.layer = nn.Linear(length * input_size, hidden_size)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        x = x.masked_fill(~padding_mask(lengths, x.shape[1], x.device).unsqueeze(-1), 0)
        x = functional.pad(x, (0, 0, 0, max(0, self.length - x.shape[1])))[:, : self.length]
        return torch.relu(self.layer(x.flatten(1)))


class Framewise(nn.Module):
    """Vectors [B, T, E] -> relu(W x_t + b) [B, T, H]: each step by itself, without a memory of the others."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.output_size = hidden_size
        self.layer = nn.Linear(input_size, hidden_size)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return torch.relu(self.layer(x))
