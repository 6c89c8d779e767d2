"""Embedding: a learned vector for each token."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.data.batching.batch import PAD


class Embedding(nn.Embedding):
    """Token ids [B, T] -> vectors [B, T, E]; that of <pad> is zero and stays so.

    Args:
        size: number of ids, V
        dimensions: size of a vector, E
        word_dropout: probability with which a whole word's vector is set to zero, the same wherever
            it occurs in a row (Gal and Ghahramani 2016, section 4.2)
        sparse: gradients only for the rows that occurred, which makes vocabularies of 100,000 words
            affordable
        lazy: an optimizer may update only the rows that are read (training.lazy_adam); the table
            must be read through this module alone
    """

    def __init__(
        self,
        size: int,
        dimensions: int,
        *,
        word_dropout: float = 0.0,
        sparse: bool = False,
        lazy: bool = False,
    ):
        super().__init__(size, dimensions, padding_idx=PAD, sparse=sparse)
        self.word_dropout, self.lazy = word_dropout, lazy
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
        # one draw for each distinct word of each row; one for each word of the vocabulary took
        # longer than all else here
        rows = torch.arange(len(tokens), device=tokens.device).view(-1, *[1] * (tokens.dim() - 1))
        distinct, positions = torch.unique(rows * self.num_embeddings + tokens, return_inverse=True)
        keep = torch.rand(len(distinct), device=tokens.device) >= self.word_dropout
        return vectors * (keep[positions].unsqueeze(-1) / (1 - self.word_dropout))

    def load_pretrained(self, rows: Tensor, vectors: Tensor, *, frozen: bool = False) -> None:
        """Puts given vectors [R, E] in rows [R]; `frozen`: the whole table is not trained then."""
        with torch.no_grad():
            self.weight[rows] = vectors.to(self.weight)
        self.weight.requires_grad_(not frozen)


class EmbeddingSum(Embedding):
    """Ids [N, M] -> the sum of each row's M vectors, [N, E]."""

    def forward(self, tokens: Tensor) -> Tensor:
        return functional.embedding_bag(tokens, self.weight, mode="sum", sparse=self.sparse)
