"""What a word looks like: a vector for it from its characters, so that words never seen have one, too."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType, real
from ostinato.data.batch import Spellings
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent

KINDS = ("recurrent", "convolution")


class Speller(nn.Module):
    """Speller("convolution", 90, 50)(batch.spellings) -> a vector [B, T, 50] for each word of the batch

    recurrent     the last states of both directions over the characters (Ling et al. 2015; Lample et al. 2016)
    convolution   the largest response of each filter of `width` characters (dos Santos and Zadrozny 2014; Ma and Hovy 2016)

    A word that stands in the batch many times is read once. ValueError for an odd output size of two directions."""

    def __init__(self, kind: str, characters: int, output_size: int, *, embedding_size: int = 30, cell: CellType | None = None,
                 width: int = 3, dropout: float = 0.0):
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
        if kind == "recurrent" and output_size % 2:
            raise ValueError(f"output_size must be even, half of it for each direction; got {output_size}")
        self.embedding = Embedding(characters, embedding_size)
        self.dropout = Dropout(dropout)
        self.width, self.output_size = width, output_size
        self.recurrent = Recurrent(cell, embedding_size, output_size // 2, bidirectional=True) if kind == "recurrent" else None
        self.filters = nn.Linear(width * embedding_size, output_size) if kind == "convolution" else None

    def forward(self, spellings: Spellings) -> Tensor:
        words = self.read(spellings.characters, spellings.lengths)
        return nn.functional.embedding(spellings.places, words)

    def read(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """Words [W, C] -> vectors [W, output_size]"""
        vectors = self.dropout(self.embedding(characters))
        if self.recurrent is not None:
            _, (forward, backward) = self.recurrent(vectors, lengths)
            return torch.cat([forward[0], backward[0]], -1)
        outside = ~real(lengths, characters.shape[1], characters.device).unsqueeze(2)
        vectors = vectors.masked_fill(outside, 0)
        margin = self.width // 2
        padded = nn.functional.pad(vectors, (0, 0, margin, self.width - 1 - margin))
        windows = padded.unfold(1, self.width, 1).flatten(2)  # [W, C, E * width]
        responses = self.filters(windows)
        return responses.masked_fill(outside, -torch.inf).amax(1).tanh()
