"""Feed-forward baselines: over a fixed number of steps, flattened, or on each step separately."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import real


class Feedforward(nn.Module):
    """Vectors [B, T, E] -> relu(W flatten(x) + b) [B, H] of the first `length` steps.

    Shorter sequences are padded with zeros, later steps are not seen. Each position has its own
    weights, so that nothing is shared over time.
    """

    def __init__(self, input_size: int, hidden_size: int, *, length: int):
        super().__init__()
        if length < 1:
            raise ValueError(f"length must be at least 1; got {length}")
        self.length, self.output_size = length, hidden_size
        self.layer = nn.Linear(length * input_size, hidden_size)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Vectors [B, T, E] and lengths [B] -> [B, H]"""
        x = x.masked_fill(~real(lengths, x.shape[1], x.device).unsqueeze(-1), 0)
        x = functional.pad(x, (0, 0, 0, max(0, self.length - x.shape[1])))[:, : self.length]
        return torch.relu(self.layer(x.flatten(1)))


class Framewise(nn.Module):
    """Vectors [B, T, E] -> relu(W x_t + b) [B, T, H]: each step separately, without memory."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.output_size = hidden_size
        self.layer = nn.Linear(input_size, hidden_size)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Vectors [B, T, E] -> [B, T, H]"""
        return torch.relu(self.layer(x))
