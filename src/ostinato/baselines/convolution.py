"""Convolution over time with max pooling (Kim 2014).

c_i = relu(w . x_{i:i+k-1} + b) for each position i and several widths k (equation 2), max over i
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ostinato.padding import padding_mask


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
        mask = padding_mask(lengths, x.shape[1], x.device).unsqueeze(1)
        x = x.transpose(1, 2).masked_fill(~mask, 0)
        return torch.cat([self.maximum(layer, x, lengths) for layer in self.layers], -1)

    @staticmethod
    def maximum(layer: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
        """The maximum of each filter over the positions that touch a real step, [B, filters]."""
        assert isinstance(layer, nn.Conv1d)
        found = layer(x).relu()
        positions = padding_mask(lengths + layer.kernel_size[0] - 1, found.shape[2], x.device)
        return found.masked_fill(~positions.unsqueeze(1), 0).amax(2)  # relu is never below 0


class ImageConvolution(nn.Module):
    """Images as rows [B, H, W * C] -> [B, hidden]: a small convolutional network.

    Two stages of 3 x 3 convolution, ReLU and 2 x 2 max pooling, of `filters` and twice as many
    channels, and a layer over all positions, in the manner of LeNet (LeCun et al. 1998).

    Args:
        shape: (H, W, C).
        filters: Channels of the first stage.
        hidden_size: Width of the last layer.
    """

    def __init__(self, shape: tuple[int, int, int], *, filters: int = 16, hidden_size: int = 128):
        super().__init__()
        self.shape, self.output_size = shape, hidden_size
        height, width, channels = shape
        self.stages = nn.Sequential(
            nn.Conv2d(channels, filters, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Conv2d(filters, 2 * filters, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
        )
        positions = math.ceil(height / 4) * math.ceil(width / 4)
        self.layer = nn.Linear(2 * filters * positions, hidden_size)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Rows [B, H, W * C] -> [B, hidden]; rows beyond H are padding of the batch."""
        height, width, channels = self.shape
        images = x[:, :height].reshape(len(x), height, width, channels).permute(0, 3, 1, 2)
        return torch.relu(self.layer(self.stages(images).flatten(1)))
