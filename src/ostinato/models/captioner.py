"""One to many: a picture in, a sentence out (Vinyals et al. 2015, Show and tell; Xu et al. 2015, Show, attend and tell).

The decoder, its attention and its search are the encoder-decoder's; here is only what stands in the encoder's place. Frames in
their order (a film, or features of one) are read by the encoder-decoder's own Encoder over a FrameNetwork or FeatureProjection."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.layers.convolution import BatchNorm, Glance, Grid, PictureNetwork
from ostinato.layers.dropout import Dropout
from ostinato.models.encoder_decoder import EncoderDecoder
from ostinato.padding import padding_mask


class RegionEncoder(nn.Module):
    """What is known of regions [B, R, F] -> their vectors [B, R, H], and the state that a decoder begins with.

    The state is tanh(W v + b), where v is the mean over the regions beside their greatest: one for each of the decoder's `layers`."""

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
        mask = padding_mask(lengths, regions.shape[1], regions.device).unsqueeze(-1)
        mean = regions.masked_fill(~mask, 0).sum(1) / lengths.to(regions).unsqueeze(1)
        seen = self.dropout(torch.cat([mean, regions.masked_fill(~mask, -torch.inf).amax(1)], -1))
        parts = iter(self.first(seen).tanh().split(self.sizes * self.layers, -1))
        return self.project(regions).tanh(), tuple(
            tuple(next(parts) for _ in self.sizes) for _ in range(self.layers)
        )


class PictureEncoder(nn.Module):
    """Pictures [B, 1, C, H, W] of uint8 -> the vectors of their regions [B, R, H], and the decoder's first state.

    Each region has a vector of its own added, which says where it lies; the state is tanh(N(W v + U g)) of all regions side by side
    (of a large picture, of the means over a grid of 4 x 4), and of what a `glance` at the whole says, if there is one. `size` is the
    pictures' height and width."""

    def __init__(
        self,
        network: PictureNetwork,
        size: int,
        cell: CellType,
        hidden_size: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        glance: Glance | None = None,
    ):
        super().__init__()
        self.network, self.dropout = network, Dropout(dropout)
        side = network.side(size)
        self.grid = Grid((side, side), network.output_size)
        self.project = nn.Linear(network.output_size, hidden_size)
        self.places = nn.Parameter(torch.randn(side**2, hidden_size) * 0.1)
        self.layers, self.sizes = layers, cell(1, hidden_size).sizes
        self.first = nn.Linear(self.grid.output_size, layers * sum(self.sizes), bias=False)
        self.norm = BatchNorm(
            layers * sum(self.sizes)
        )  # without it, so many inputs soon drive every tanh to its end, and learning stops
        self.glance = glance
        self.glanced = (
            None
            if glance is None
            else nn.Linear(glance.output_size, layers * sum(self.sizes), bias=False)
        )

    def forward(self, pictures: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        regions = self.network(pictures[:, 0])
        seen = self.first(self.dropout(self.grid(regions)))
        if self.glance is not None:
            seen = seen + self.glanced(self.glance(pictures[:, 0]))
        parts = iter(self.norm(seen).tanh().split(self.sizes * self.layers, -1))
        return (self.project(regions) + self.places).tanh(), tuple(
            tuple(next(parts) for _ in self.sizes) for _ in range(self.layers)
        )


class Captioner(EncoderDecoder):
    """An EncoderDecoder from pictures, regions or frames to text; of a picture, attention sees the regions."""

    def read(self, batch: Batch) -> tuple[Tensor, Tensor, State]:
        outputs, state = self.encoder(batch.inputs, batch.lengths)
        if isinstance(self.encoder, PictureEncoder):
            return outputs, torch.full_like(batch.lengths, outputs.shape[1]), state
        return outputs, batch.lengths, state
