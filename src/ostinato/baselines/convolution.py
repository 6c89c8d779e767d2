"""Convolution over time with max pooling (Kim 2014).

c_i = relu(w . x_{i:i+k-1} + b) for each position i and several widths k (equation 2), max over i
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ostinato.cells.cell import real


class Convolution(nn.Module):
    """Vectors [B, T, E] -> the maximum of each filter over time [B, filters * len(widths)].

    The sequence is padded with width - 1 zeros at both ends, so that short ones have positions.

    Args:
        input_size: E.
        filters: Filters of each width; 100 in the paper.
        widths: Steps that a filter covers; 3, 4 and 5 in the paper.
    """

    def __init__(self, input_size: int, *, filters: int = 100, widths: Sequence[int] = (3, 4, 5)):
        super().__init__()
        if not widths or min(widths) < 1:
            raise ValueError(f"widths must be at least one number above 0; got {tuple(widths)}")
        self.layers = nn.ModuleList(
            nn.Conv1d(input_size, filters, width, padding=width - 1) for width in widths
        )
        self.output_size = filters * len(widths)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Vectors [B, T, E] and lengths [B] -> [B, filters * len(widths)]"""
        mask = real(lengths, x.shape[1], x.device).unsqueeze(1)
        x = x.transpose(1, 2).masked_fill(~mask, 0)
        return torch.cat([self.maximum(layer, x, lengths) for layer in self.layers], -1)

    @staticmethod
    def maximum(layer: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
        """The maximum of each filter over the positions that touch a real step, [B, filters]."""
        assert isinstance(layer, nn.Conv1d)
        found = layer(x).relu()
        positions = real(lengths + layer.kernel_size[0] - 1, found.shape[2], x.device)
        return found.masked_fill(~positions.unsqueeze(1), 0).amax(2)  # relu is never below 0
