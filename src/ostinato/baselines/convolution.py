"""Convolution over time instead of recurrence (Kim 2014, Convolutional Neural Networks for Sentence Classification).

c_i = relu(w . x_{i:i+k-1} + b) for every place i and some widths k (equation 2);  the result is max over i of c_i"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ostinato.cells.cell import real


class Convolution(nn.Module):
    """Vectors [B, T, E] -> [B, filters in all]: for each filter the most that it found anywhere.

    widths   how many steps a filter sees: Kim's 3, 4 and 5
    filters  how many of each width: Kim's 100

    The sequence is padded with widths - 1 zeros at both ends, so that short ones have places, too."""

    def __init__(self, input_size: int, *, filters: int = 100, widths: Sequence[int] = (3, 4, 5)):
        super().__init__()
        if not widths or min(widths) < 1:
            raise ValueError(f"widths must be at least one number above 0; got {tuple(widths)}")
        self.layers = nn.ModuleList(
            nn.Conv1d(input_size, filters, width, padding=width - 1) for width in widths
        )
        self.output_size = filters * len(widths)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
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
