"""Character encoders: a word's vector from its characters, so that unknown words have one, too.

W different words of a batch, C characters of the longest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.data.batching.batch import PAD, Spellings
from ostinato.kernels import char_features
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding, EmbeddingSum
from ostinato.layers.recurrent import Recurrent, bidirectional_hidden_size
from ostinato.padding import padding_mask

KINDS = ("recurrent", "convolution")
MOST_BUCKETS = 20_000  # of the table of affixes


class CharacterEncoder(nn.Module):
    """Vectors of words from their characters.

        CharacterEncoder("convolution", 90, 50)(batch.spellings)      # [B, T, 50]

    A word that occurs several times in a batch is encoded once.

    Args:
        kind: `recurrent`: the final states of both directions over the characters (Ling et al.
            2015; Lample et al. 2016); `convolution`: the maximum over the positions of each filter
            (dos Santos and Zadrozny 2014; Ma and Hovy 2016).
        characters: The size of the character vocabulary.
        output_size: The size of a word's vector; even for `recurrent`.
        embedding_size: The size of a character's vector.
        cell: The cell of `recurrent`.
        width: The characters that a filter of `convolution` sees.
        dropout: On the characters' vectors.
        affixes: Prefix and suffix embeddings, concatenated to the vectors; see Affixes.

    Raises:
        ValueError: An unknown kind, or an odd output size to be halved.
    """

    def __init__(
        self,
        kind: str,
        characters: int,
        output_size: int,
        *,
        embedding_size: int = 30,
        cell: CellType | None = None,
        width: int = 3,
        dropout: float = 0.0,
        affixes: Affixes | None = None,
    ):
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
        self.embedding = Embedding(characters, embedding_size)
        self.dropout = Dropout(dropout)
        self.affixes = affixes
        self.width, self.output_size = (
            width,
            output_size + (affixes.output_size if affixes is not None else 0),
        )
        self.recurrent: Recurrent | None = None
        self.filters: nn.Linear | None = None
        if kind == "convolution":
            self.filters = nn.Linear(width * embedding_size, output_size)
        elif cell is None:
            raise ValueError("kind 'recurrent' needs a cell; got None")
        else:
            size = bidirectional_hidden_size(output_size, name="output_size")
            self.recurrent = Recurrent(cell, embedding_size, size, bidirectional=True)

    def forward(self, spellings: Spellings) -> Tensor:
        """The vectors of a batch's words [B, T, output_size]."""
        words = self.read(spellings.characters, spellings.lengths)
        return functional.embedding(spellings.places, words)

    def read(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """Characters of words [W, C] and their lengths [W] -> vectors [W, output_size]"""
        whole = self.read_characters(characters, lengths)
        return (
            whole
            if self.affixes is None
            else torch.cat([whole, self.affixes(characters, lengths)], -1)
        )

    def read_characters(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """As `read`, without the affixes."""
        if self.filters is not None:
            return self.convolve(self.filters, characters, lengths)
        assert self.recurrent is not None  # one of the two exists
        _, (forward, backward) = self.recurrent(self.dropout(self.embedding(characters)), lengths)
        return torch.cat([forward[0], backward[0]], -1)

    def convolve(self, filters: nn.Linear, characters: Tensor, lengths: Tensor) -> Tensor:
        """The convolution: characters [W, C] and lengths [W] -> [W, number of filters].

        Why not nn.Conv1d: there are few different characters, so the product of each character's
        vector with the filters at each position of their window is looked up in a table [width,
        characters, filters]. That takes a third of the time of a product over all windows. Dropout
        then drops a unit of a character's vector everywhere in the batch.
        """
        size = filters.out_features
        vectors = self.dropout(self.embedding.weight)
        weight = filters.weight.view(size, -1, self.width).permute(2, 1, 0)  # [width, E, out]
        tables = vectors @ weight  # [width, characters, out]
        if char_features.usable(characters, lengths, tables, filters.bias):
            return char_features.strongest(characters, lengths, tables, filters.bias)
        inside = padding_mask(lengths, characters.shape[1], characters.device)
        margin = self.width // 2
        padded = functional.pad(
            characters.masked_fill(~inside, PAD), (margin, self.width - 1 - margin)
        )
        responses: Tensor = filters.bias
        for position, table in enumerate(tables):
            there = padded[:, position : position + characters.shape[1]]
            responses = responses + functional.embedding(there, table, padding_idx=PAD)
        # not segment_reduce, which hands each of equal responses the whole of a negative gradient
        return responses.masked_fill(~inside.unsqueeze(2), -torch.inf).amax(1).tanh()


class Affixes(nn.Module):
    """Prefix and suffix embeddings: un-, re-; -ing, -tion.

    Each of the prefixes of 1, 2, ... `longest` characters of a word, and each of its suffixes, has
    a vector, found by hashing into `buckets`; two affixes in one bucket share it. A word has the
    sum of its affixes' vectors. An affix longer than the word is the word.

    Args:
        output_size: The size of the vectors.
        folded: An id for each character, the same one for characters that count as equal (A and a).
        longest: The longest affix, in characters.
        buckets: The size of the table.
    """

    folded: Tensor

    def __init__(
        self,
        output_size: int,
        *,
        folded: Sequence[int],
        longest: int = 5,
        buckets: int = MOST_BUCKETS,
    ):
        super().__init__()
        self.output_size, self.longest, self.buckets = output_size, longest, buckets
        self.table = EmbeddingSum(1 + buckets, output_size, lazy=True)
        with torch.no_grad():
            self.table.weight.mul_((2 * longest) ** -0.5)
        self.register_buffer("folded", torch.as_tensor(folded))

    def forward(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """Words [W, C] of characters between <bos> and <eos>, lengths [W] -> [W, output_size]"""
        return self.table(self.compute_ids(characters, lengths))

    def compute_ids(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """The bucket of each affix, [W, 2 * longest]; all of them are above 0."""
        if char_features.usable(characters, lengths):
            return char_features.affix_ids(
                characters, lengths, self.folded, longest=self.longest, buckets=self.buckets
            )
        offset = torch.arange(self.longest, device=characters.device)
        # the word is between <bos> and <eos>
        last = (lengths.to(characters.device) - 2).clamp(min=0).unsqueeze(1)  # [W, 1]
        folded = self.folded[characters]
        found = []
        for side, index in enumerate((1 + offset.expand(len(characters), -1), last - offset)):
            inside = (index >= 1) & (index <= last)
            character = folded.gather(1, index.clamp(0, characters.shape[1] - 1)).masked_fill(
                ~inside, 0
            )
            code = torch.full_like(last, side + 1)
            for one in character.split(1, 1):
                code = (code * 1_000_003 + one) % 2_147_483_647
                found.append(1 + (code ^ (code >> 13)) % self.buckets)
        return torch.cat(found, 1)
