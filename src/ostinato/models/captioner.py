"""Captioning: an image in, a sentence out.

Vinyals et al. 2015, Show and tell; Xu et al. 2015, Show, attend and tell. Decoder, attention and
search are those of the encoder-decoder; this module has the image encoders. Ordered frames (of a
video, or their features) are read by the encoder-decoder's own Encoder over a FrameNetwork or
FeatureProjection.

B images, R regions, F features of a region, H hidden units.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.layers.convolutional_networks import (
    BatchNorm,
    GridPooling,
    ImageNetwork,
    ThumbnailNetwork,
)
from ostinato.layers.dropout import Dropout
from ostinato.models.encoder_decoder import EncoderDecoder
from ostinato.padding import padding_mask


class RegionEncoder(nn.Module):
    """Features of regions [B, R, F] -> their vectors [B, R, H], and the decoder's initial state.

    The state of each layer is tanh(W v + b), where v is the mean over the regions concatenated with
    their maximum.

    Args:
        features: F.
        cell: The decoder's cell, which decides the sizes of the state.
        hidden_size: H.
        layers: The decoder's layers.
        dropout: Before the projection to the state.
    """

    def __init__(
        self,
        features: int,
        cell: CellType,
        hidden_size: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.dropout = Dropout(dropout)
        self.project = nn.Linear(features, hidden_size)
        self.layers, self.sizes = layers, cell(1, hidden_size).sizes
        self.first = nn.Linear(2 * features, layers * sum(self.sizes))

    def forward(self, regions: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """Regions [B, R, F] and their numbers [B] -> vectors [B, R, H], and the initial state."""
        mask = padding_mask(lengths, regions.shape[1], regions.device).unsqueeze(-1)  # [B, R, 1]
        mean = regions.masked_fill(~mask, 0).sum(1) / lengths.to(regions).unsqueeze(1)  # [B, F]
        maximum = regions.masked_fill(~mask, -torch.inf).amax(1)  # [B, F]
        seen = self.dropout(torch.cat([mean, maximum], -1))
        parts = iter(self.first(seen).tanh().split(self.sizes * self.layers, -1))
        return self.project(regions).tanh(), tuple(
            tuple(next(parts) for _ in self.sizes) for _ in range(self.layers)
        )


class ImageEncoder(nn.Module):
    """Images [B, 1, C, H, W] of uint8 -> vectors of their regions [B, R, H], and the initial state.

    Each region's vector has a learned position embedding added. The initial state is
    tanh(N(W v + U g)), where N is batch normalisation, v are all regions concatenated (of a large
    image the means over a grid of 4 x 4), and g is the output of the optional `glance` at the whole
    image.

    Args:
        network: The convolutional network that computes the regions.
        size: Height and width of the images in pixels.
        cell: The decoder's cell, which decides the sizes of the state.
        hidden_size: Size of a region's vector.
        layers: The decoder's layers.
        dropout: Before the projection to the state.
        glance: A network on the whole image at low resolution, or None.
    """

    def __init__(
        self,
        network: ImageNetwork,
        size: int,
        cell: CellType,
        hidden_size: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        glance: ThumbnailNetwork | None = None,
    ):
        super().__init__()
        self.network, self.dropout = network, Dropout(dropout)
        side = network.side(size)
        self.grid = GridPooling((side, side), network.output_size)
        self.project = nn.Linear(network.output_size, hidden_size)
        self.places = nn.Parameter(torch.empty(side**2, hidden_size).normal_().mul_(0.1))
        self.layers, self.sizes = layers, cell(1, hidden_size).sizes
        self.first = nn.Linear(self.grid.output_size, layers * sum(self.sizes), bias=False)
        # without normalisation the many inputs soon saturate every tanh, and learning stops
        self.norm = BatchNorm(layers * sum(self.sizes))
        self.glance = glance
        self.glanced = (
            None
            if glance is None
            else nn.Linear(glance.output_size, layers * sum(self.sizes), bias=False)
        )

    def forward(self, pictures: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """Images [B, 1, C, H, W] -> the regions' vectors [B, R, H], and the initial state."""
        regions = self.network(pictures[:, 0])  # [B, R, F]
        seen = self.first(self.dropout(self.grid(regions)))  # the layers' states side by side
        if self.glance is not None and self.glanced is not None:
            seen = seen + self.glanced(self.glance(pictures[:, 0]))
        parts = iter(self.norm(seen).tanh().split(self.sizes * self.layers, -1))
        return (self.project(regions) + self.places).tanh(), tuple(
            tuple(next(parts) for _ in self.sizes) for _ in range(self.layers)
        )


class Captioner(EncoderDecoder[nn.Module]):
    """An EncoderDecoder from images, regions or frames to text, with attention over the regions."""

    def read(self, batch: Batch) -> tuple[Tensor, Tensor, State]:
        """The encoder's outputs [B, R, H], the number of real ones [B], and the initial state."""
        outputs, state = self.encoder(batch.inputs, batch.lengths)
        if isinstance(self.encoder, ImageEncoder):
            return outputs, torch.full_like(batch.lengths, outputs.shape[1]), state
        return outputs, batch.lengths, state
