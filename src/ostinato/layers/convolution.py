"""What is to be seen in a picture, region by region: a small convolutional network, trained along with whatever reads it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.layers.dropout import Dropout

SIDE = 4  # regions a side that one vector of a picture keeps apart


class ResidualStage(nn.Module):
    """Half the height and width, then a residual block: y = relu(N(W1 x)), relu(y + N(W2 y)) (after He et al. 2016)."""

    def __init__(self, before: int, channels: int, *, batch_norm: bool = False):
        super().__init__()
        self.shrink = nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False)
        self.refine = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(norm(channels, batch_norm) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norms[0](self.shrink(x)).relu()
        return (x + self.norms[1](self.refine(x))).relu()


def norm(channels: int, batch_norm: bool) -> nn.Module:
    """Over a batch (Ioffe and Szegedy 2015), or over groups of sixteen channels where that is possible (Wu and He 2018)."""
    return (
        BatchNorm(channels)
        if batch_norm
        else nn.GroupNorm(channels // 16 if channels % 16 == 0 else 1, channels)
    )


class BatchNorm(nn.Module):
    """x [N, C, ...] with mean 0 and deviation 1 over the batch and all places while training, as it was on average afterwards.

    As nn.BatchNorm1d and 2d, but of a batch with one value a channel, which has no deviation, the averages so far are used."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(torch.ones(channels)),
            nn.Parameter(torch.zeros(channels)),
        )
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        several = x.numel() > x.shape[1]
        return functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training and several,
        )


class ImageNetwork(nn.Module):
    """Pictures [N, C, H, W] of uint8 -> what stands in each region [N, H / 2^S * W / 2^S, F], row by row.

    widths      the channels of the S stages; the last is F
    batch_norm  normalise over the batch while training, which learns faster, rather than each picture by itself; without it
                a picture's answer never depends on what else is in its batch, not in training either"""

    def __init__(
        self, channels: int, *, widths: Sequence[int] = (32, 64, 128), batch_norm: bool = False
    ):
        super().__init__()
        if not widths or min(widths) < 1:
            raise ValueError(f"widths must be at least one number above 0; got {tuple(widths)}")
        self.stages = nn.Sequential(
            *(
                ResidualStage(before, after, batch_norm=batch_norm)
                for before, after in zip((channels, *widths[:-1]), widths, strict=True)
            )
        )
        self.output_size = widths[-1]

    def side(self, size: int) -> int:
        """How many regions a picture of `size` pixels has in a row: each stage halves it, rounding up."""
        return -(-size // 2 ** len(self.stages))

    def forward(self, pictures: Tensor) -> Tensor:
        x = pictures.to(self.stages[0].shrink.weight.dtype) / 127.5 - 1
        return self.stages(x).flatten(2).transpose(1, 2)


class GridPooling(nn.Module):
    """Regions [N, h * w, F] -> one vector each [N, G], all regions side by side, so that it is kept where things are.

    size    (h, w); a larger grid than 4 x 4 is averaged down to that"""

    def __init__(self, size: tuple[int, int], features: int):
        super().__init__()
        self.size, self.shape = size, (min(size[0], SIDE), min(size[1], SIDE))
        self.output_size = self.shape[0] * self.shape[1] * features

    def forward(self, regions: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(
            regions.transpose(1, 2).unflatten(2, self.size), self.shape
        ).flatten(1)


class ThumbnailNetwork(nn.Module):
    """Pictures [N, C, H, W] of uint8 -> a vector each [N, F]: the whole picture at `side` x `side` pixels, through one layer.

    It knows from the start what is where, in which colour, which convolutions take thousands of pictures to keep apart."""

    def __init__(self, channels: int, side: int, features: int, *, dropout: float = 0.0):
        super().__init__()
        self.side, self.dropout = side, Dropout(dropout)
        self.look = nn.Linear(channels * side**2, features, bias=False)
        self.norms = nn.ModuleList([BatchNorm(channels * side**2), BatchNorm(features)])
        self.output_size = features

    def forward(self, pictures: Tensor) -> Tensor:
        small = functional.adaptive_avg_pool2d(
            pictures.to(self.look.weight.dtype) / 127.5 - 1, self.side
        ).flatten(1)
        return self.dropout(self.norms[1](self.look(self.dropout(self.norms[0](small)))).relu())


class FrameNetwork(nn.Module):
    """Frames [B, T, C, H, W] of uint8 -> a vector each [B, T, E]: all its regions side by side, projected.

    In place of an embedding: what a recurrent network reads of each frame. `size` is (H, W)."""

    def __init__(
        self,
        channels: int,
        dimensions: int,
        size: tuple[int, int],
        *,
        widths: Sequence[int] = (16, 32, 64),
        dropout: float = 0.0,
    ):
        super().__init__()
        self.network = ImageNetwork(channels, widths=widths)
        self.grid = GridPooling(
            (self.network.side(size[0]), self.network.side(size[1])), self.network.output_size
        )
        self.dropout = Dropout(dropout)
        self.project = nn.Linear(self.grid.output_size, dimensions)
        self.embedding_dim = dimensions

    def forward(self, frames: Tensor) -> Tensor:
        seen = self.grid(self.network(frames.flatten(0, 1)))
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
