"""Embedding: a learned vector for each token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.data.batch import PAD


class Embedding(nn.Embedding):
    """Tokens [B, T] -> vectors [B, T, E]; that of <pad> is zero and stays so.

    word_dropout    probability with which a whole word's vector is set to zero, the same at every place of a row
                    where it occurs (Gal and Ghahramani 2016, section 4.2)
    sparse          gradients only for the rows that occurred: what makes vocabularies of 100,000 words affordable
    """

    def __init__(self, size: int, dimensions: int, *, word_dropout: float = 0.0, sparse: bool = False):
        super().__init__(size, dimensions, padding_idx=PAD, sparse=sparse)
        self.word_dropout = word_dropout
        with torch.no_grad():
            self.weight.normal_(0.0, dimensions**-0.5)
        self.clear_padding()

    def clear_padding(self) -> None:
        """Sets the vector of <pad> to zero, where training leaves it."""
        with torch.no_grad():
            self.weight[PAD] = 0

    def forward(self, tokens: Tensor) -> Tensor:
        vectors = super().forward(tokens)
        if not (self.training and self.word_dropout):
            return vectors
        # a draw for each different word of each row; one for each of the vocabulary took longer than all else here
        rows = torch.arange(len(tokens), device=tokens.device).view(-1, *[1] * (tokens.dim() - 1))
        different, places = torch.unique(rows * self.num_embeddings + tokens, return_inverse=True)
        keep = torch.rand(len(different), device=tokens.device) >= self.word_dropout
        return vectors * (keep[places].unsqueeze(-1) / (1 - self.word_dropout))

    def load_pretrained(self, rows: Tensor, vectors: Tensor, *, frozen: bool = False) -> None:
        """Puts given vectors [R, E] in rows [R]; `frozen` keeps the whole table as it is from then on."""
        with torch.no_grad():
            self.weight[rows] = vectors.to(self.weight)
        self.weight.requires_grad_(not frozen)
