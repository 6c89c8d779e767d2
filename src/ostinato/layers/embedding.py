"""Embedding: a learned vector for each token."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.data.batching.batch import PAD
from ostinato.kernels import lazy_adam as kernel
from ostinato.layers.rows import Rows

LARGE = 100_000  # numbers from which on it pays to know which rows were read


class Embedding(nn.Embedding):
    """Tokens [B, T] -> vectors [B, T, E]; that of <pad> is zero and stays so.

    word_dropout    probability with which a whole word's vector is set to zero, the same at every place of a row
                    where it occurs (Gal and Ghahramani 2016, section 4.2)
    sparse          gradients only for the rows that occurred: what makes vocabularies of 100,000 words affordable
    by_rows         may be trained so by Adam, too, whose steps then cost what those rows cost (see `rows`); the table must
                    be read through this module alone
    """

    rows: Rows | None = None  # while an optimizer keeps rows that have yet to be brought up to date

    def __init__(
        self,
        size: int,
        dimensions: int,
        *,
        word_dropout: float = 0.0,
        sparse: bool = False,
        by_rows: bool = False,
    ):
        super().__init__(size, dimensions, padding_idx=PAD, sparse=sparse)
        self.word_dropout, self.by_rows = word_dropout, by_rows
        with torch.no_grad():
            self.weight.normal_(0.0, dimensions**-0.5)
        self.clear_padding()

    def clear_padding(self) -> None:
        """Sets the vector of <pad> to zero, where training leaves it."""
        with torch.no_grad():
            self.weight[PAD] = 0

    def forward(self, tokens: Tensor) -> Tensor:
        self.settle(tokens)
        vectors = super().forward(tokens)
        if not (self.training and self.word_dropout):
            return vectors
        # a draw for each different word of each row; one for each of the vocabulary took longer than all else here
        rows = torch.arange(len(tokens), device=tokens.device).view(-1, *[1] * (tokens.dim() - 1))
        different, places = torch.unique(rows * self.num_embeddings + tokens, return_inverse=True)
        keep = torch.rand(len(different), device=tokens.device) >= self.word_dropout
        return vectors * (keep[places].unsqueeze(-1) / (1 - self.word_dropout))

    def sums(self, tokens: Tensor) -> Tensor:
        """Tokens [N, M] -> the sum of each row's vectors [N, E]."""
        self.settle(tokens)
        return functional.embedding_bag(tokens, self.weight, mode="sum", sparse=self.sparse)

    def load_pretrained(self, rows: Tensor, vectors: Tensor, *, frozen: bool = False) -> None:
        """Puts given vectors [R, E] in rows [R]; `frozen` keeps the whole table as it is from then on."""
        with torch.no_grad():
            self.weight[rows] = vectors.to(self.weight)
        self.weight.requires_grad_(not frozen)

    # trained by rows

    def can_go_by_rows(self) -> bool:
        """Whether an optimizer may keep this table as `Rows`."""
        allowed = self.by_rows and self.weight.requires_grad and self.weight.numel() >= LARGE
        return allowed and self.max_norm is None and kernel.usable(self.weight)

    def go_by_rows(self, *, betas: tuple[float, float], epsilon: float) -> Rows:
        self.settle()
        self.sparse = True
        self.rows = Rows(self.weight, betas=betas, epsilon=epsilon)
        return self.rows

    def settle(self, tokens: Tensor | None = None) -> None:
        """Brings the rows of these tokens, or all, to where training stands."""
        if self.rows is not None:
            self.rows.settle(tokens)

    def _save_to_state_dict(self, *arguments) -> None:
        self.settle()
        super()._save_to_state_dict(*arguments)

    def _load_from_state_dict(self, *arguments) -> None:
        self.settle()
        super()._load_from_state_dict(*arguments)
