"""Convolutional networks that encode images and frames, trained along with the recurrent network.

N images, C channels, H height, W width, R regions, F features of a region, B batch, T time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.layers.dropout import Dropout

SIDE = 4  # regions a side that one vector of a picture keeps apart


class ResidualStage(nn.Module):
    """Halves height and width, then a residual block: y = relu(N(W1 x)), relu(y + N(W2 y)).

    N is a normalisation. After He et al. 2016.

    Args:
        before: Input channels.
        channels: Output channels.
        batch_norm: Which normalisation; see build_norm.
    """

    def __init__(self, before: int, channels: int, *, batch_norm: bool = False):
        super().__init__()
        self.shrink = nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False)
        self.refine = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(build_norm(channels, batch_norm) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """[N, before, H, W] -> [N, channels, ceil(H / 2), ceil(W / 2)]"""
        x = self.norms[0](self.shrink(x)).relu()
        return (x + self.norms[1](self.refine(x))).relu()


def build_norm(channels: int, batch_norm: bool) -> nn.Module:
    """Batch norm (Ioffe and Szegedy 2015), or group norm of 16 channels (Wu and He 2018)."""
    return (
        BatchNorm(channels)
        if batch_norm
        else nn.GroupNorm(channels // 16 if channels % 16 == 0 else 1, channels)
    )


class BatchNorm(nn.Module):
    """Batch normalisation: mean 0 and deviation 1 over the batch and all positions.

    In evaluation with the running averages (Ioffe and Szegedy 2015). Why not nn.BatchNorm1d and 2d:
    they refuse a training batch with a single value per channel, which has no deviation; here the
    running averages are used for it.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(torch.ones(channels)),
            nn.Parameter(torch.zeros(channels)),
        )
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, ...] -> [N, C, ...]"""
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
    """A convolutional network: images [N, C, H, W] of uint8 -> vectors of their regions [N, R, F].

    Args:
        channels: C.
        widths: The output channels of each of the S stages; the last is F.
        batch_norm: Whether to normalise over the batch, which learns faster, instead of each image
            by itself, with which an image's output never depends on the others in its batch.

    Raises:
        ValueError: No stage, or a width below 1.
    """

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
        """The regions in a row of an image of `size` pixels: each stage halves it, rounding up."""
        return -(-size // 2 ** len(self.stages))

    def forward(self, pictures: Tensor) -> Tensor:
        """[N, C, H, W] of uint8 -> [N, R, F] with R = side(H) * side(W), row by row"""
        x = pictures.to(next(self.parameters()).dtype) / 127.5 - 1
        return self.stages(x).flatten(2).transpose(1, 2)


class GridPooling(nn.Module):
    """Regions [N, h * w, F] -> one vector each [N, G], the concatenation of all regions.

    A concatenation keeps where things are, which a mean does not.

    Args:
        size: (h, w); a grid larger than 4 x 4 is averaged to 4 x 4.
        features: F.
    """

    def __init__(self, size: tuple[int, int], features: int):
        super().__init__()
        self.size, self.shape = size, (min(size[0], SIDE), min(size[1], SIDE))
        self.output_size = self.shape[0] * self.shape[1] * features

    def forward(self, regions: Tensor) -> Tensor:
        """[N, h * w, F] -> [N, G]"""
        return functional.adaptive_avg_pool2d(
            regions.transpose(1, 2).unflatten(2, self.size), self.shape
        ).flatten(1)


class ThumbnailNetwork(nn.Module):
    """One linear layer on images at low resolution: [N, C, H, W] of uint8 -> [N, F].

    From the beginning it distinguishes positions and colours, for which convolutions need thousands
    of images.

    Args:
        channels: C.
        side: The image is averaged to `side` x `side` pixels.
        features: F.
        dropout: On the pixels and on the features.
    """

    def __init__(self, channels: int, side: int, features: int, *, dropout: float = 0.0):
        super().__init__()
        self.side, self.dropout = side, Dropout(dropout)
        self.look = nn.Linear(channels * side**2, features, bias=False)
        self.norms = nn.ModuleList([BatchNorm(channels * side**2), BatchNorm(features)])
        self.output_size = features

    def forward(self, pictures: Tensor) -> Tensor:
        """[N, C, H, W] of uint8 -> [N, F]"""
        small = functional.adaptive_avg_pool2d(
            pictures.to(self.look.weight.dtype) / 127.5 - 1, self.side
        ).flatten(1)
        return self.dropout(self.norms[1](self.look(self.dropout(self.norms[0](small)))).relu())


class FrameNetwork(nn.Module):
    """Frames [B, T, C, H, W] of uint8 -> vectors [B, T, E], in place of an embedding.

    All regions of a frame are concatenated and projected.

    Args:
        channels: C.
        dimensions: E.
        size: (H, W).
        widths: The output channels of each stage.
        dropout: Before the projection.
    """

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
        """[B, T, C, H, W] of uint8 -> [B, T, E]"""
        seen = self.grid(self.network(frames.flatten(0, 1)))
        return self.project(self.dropout(seen)).unflatten(0, frames.shape[:2])


class FlatFrames(nn.Module):
    """Frames of uint8 as vectors of their pixels in [-1, 1]; no parameters."""

    def forward(self, frames: Tensor) -> Tensor:
        """[B, T, C, H, W] of uint8 -> [B, T, C * H * W]"""
        return frames.flatten(2).float() / 127.5 - 1


class FeatureProjection(nn.Module):
    """A linear projection of given features of frames: [B, T, D] -> [B, T, E]."""

    def __init__(self, features: int, dimensions: int):
        super().__init__()
        self.project = nn.Linear(features, dimensions)
        self.embedding_dim = dimensions

    def forward(self, features: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, E]"""
        return self.project(features)
