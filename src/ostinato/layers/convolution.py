"""What is to be seen in a picture, region by region: a small convolutional network, trained along with whatever reads it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ostinato.layers.dropout import Dropout


class Stage(nn.Module):
    """Half the height and width, then one residual block: x + W2 relu(W1 x) (He et al. 2016, figure 2), each normalised over
    groups of channels (Wu and He 2018), so that a picture's answer never depends on what else is in its batch."""

    def __init__(self, before: int, channels: int):
        super().__init__()
        self.shrink = nn.Conv2d(before, channels, 3, stride=2, padding=1)
        self.norms = nn.ModuleList(nn.GroupNorm(groups(channels), channels) for _ in range(2))
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.shrink(x)
        return x + self.second(self.norms[1](self.first(self.norms[0](x).relu())).relu())


def groups(channels: int) -> int:
    """Sixteen channels a group where that is possible, else all in one."""
    return channels // 16 if channels % 16 == 0 else 1


class PictureNetwork(nn.Module):
    """Pictures [N, C, H, W] of uint8 -> what stands in each region [N, H / 2^S * W / 2^S, F], row by row.

    widths   the channels of the S stages; the last is F"""

    def __init__(self, channels: int, *, widths: Sequence[int] = (32, 64, 128)):
        super().__init__()
        if not widths or min(widths) < 1:
            raise ValueError(f"widths must be at least one number above 0; got {tuple(widths)}")
        self.stages = nn.Sequential(*(Stage(before, after) for before, after in zip((channels, *widths[:-1]), widths, strict=True)))
        self.norm = nn.GroupNorm(groups(widths[-1]), widths[-1])
        self.output_size = widths[-1]

    def forward(self, pictures: Tensor) -> Tensor:
        x = pictures.to(self.norm.weight.dtype) / 127.5 - 1
        return self.norm(self.stages(x)).relu().flatten(2).transpose(1, 2)


class FrameNetwork(nn.Module):
    """Frames [B, T, C, H, W] of uint8 -> a vector each [B, T, E]: the regions' mean and their greatest, projected.

    In place of an embedding: what a recurrent network reads of each frame."""

    def __init__(self, channels: int, dimensions: int, *, widths: Sequence[int] = (16, 32, 64), dropout: float = 0.0):
        super().__init__()
        self.network = PictureNetwork(channels, widths=widths)
        self.dropout = Dropout(dropout)
        self.project = nn.Linear(2 * self.network.output_size, dimensions)
        self.embedding_dim = dimensions

    def forward(self, frames: Tensor) -> Tensor:
        regions = self.network(frames.flatten(0, 1))
        seen = torch.cat([regions.mean(1), regions.amax(1)], -1)
        return self.project(self.dropout(seen)).unflatten(0, frames.shape[:2])


class FlatFrames(nn.Module):
    """Frames [B, T, C, H, W] of uint8 -> their pixels [B, T, C * H * W] from -1 to 1: nothing is learned."""

    def forward(self, frames: Tensor) -> Tensor:
        return frames.flatten(2).float() / 127.5 - 1


class FeatureProjection(nn.Module):
    """Features of frames [B, T, D], as given -> vectors [B, T, E]."""

    def __init__(self, features: int, dimensions: int):
        super().__init__()
        self.project = nn.Linear(features, dimensions)
        self.embedding_dim = dimensions

    def forward(self, features: Tensor) -> Tensor:
        return self.project(features)
