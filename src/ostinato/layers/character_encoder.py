"""What a word looks like: a vector for it from its characters, so that words never seen have one, too."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.data.batching.batch import PAD, Spellings
from ostinato.kernels import char_features
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent, bidirectional_hidden_size
from ostinato.padding import padding_mask

KINDS = ("recurrent", "convolution")


class CharacterEncoder(nn.Module):
    """CharacterEncoder("convolution", 90, 50)(batch.spellings) -> a vector [B, T, 50] for each word of the batch

    recurrent     the last states of both directions over the characters (Ling et al. 2015; Lample et al. 2016)
    convolution   the largest response of each filter of `width` characters (dos Santos and Zadrozny 2014; Ma and Hovy 2016)

        affixes: an Affixes, whose vectors are joined to these.

    A word that stands in the batch many times is read once. ValueError for an odd output size of two directions."""

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
        self.recurrent, self.filters = None, None
        if kind == "convolution":
            self.filters = nn.Linear(width * embedding_size, output_size)
        elif cell is None:
            raise ValueError("kind 'recurrent' needs a cell; got None")
        else:
            size = bidirectional_hidden_size(output_size, name="output_size")
            self.recurrent = Recurrent(cell, embedding_size, size, bidirectional=True)

    def forward(self, spellings: Spellings) -> Tensor:
        words = self.read(spellings.characters, spellings.lengths)
        return functional.embedding(spellings.places, words)

    def read(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """Words [W, C] -> vectors [W, output_size]"""
        whole = self.read_characters(characters, lengths)
        return (
            whole
            if self.affixes is None
            else torch.cat([whole, self.affixes(characters, lengths)], -1)
        )

    def read_characters(self, characters: Tensor, lengths: Tensor) -> Tensor:
        if self.recurrent is None:
            return self.convolve(characters, lengths)
        _, (forward, backward) = self.recurrent(self.dropout(self.embedding(characters)), lengths)
        return torch.cat([forward[0], backward[0]], -1)

    def convolve(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """There are few different characters: what each adds to the filters at each place of their window is looked up from a
        table, which costs a third of the product over all windows.

        Dropout takes a unit of a character's vector away everywhere in the batch."""
        size = self.filters.out_features
        vectors = self.dropout(self.embedding.weight)
        weight = self.filters.weight.view(size, -1, self.width).permute(2, 1, 0)  # [width, E, out]
        tables = vectors @ weight  # [width, characters, out]
        if char_features.usable(characters, lengths, tables, self.filters.bias):
            return char_features.strongest(characters, lengths, tables, self.filters.bias)
        inside = padding_mask(lengths, characters.shape[1], characters.device)
        margin = self.width // 2
        padded = functional.pad(
            characters.masked_fill(~inside, PAD), (margin, self.width - 1 - margin)
        )
        responses = self.filters.bias
        for place, table in enumerate(tables):
            there = padded[:, place : place + characters.shape[1]]
            responses = responses + functional.embedding(there, table, padding_idx=PAD)
        # not segment_reduce, which hands each of equal responses the whole of a negative gradient
        return responses.masked_fill(~inside.unsqueeze(2), -torch.inf).amax(1).tanh()


class Affixes(nn.Module):
    """How words begin and end, as vectors: un-, re-; -ing, -tion. [W, C] of characters between <bos> and <eos> -> [W, output_size]

    The 1, 2, ... `longest` first characters of a word, and as many of its last ones, each have a vector, found by hashing
    into `buckets` (two that fall into one bucket share it); a word has the sum of its own. What is longer than the word
    counts as the word.

    folded   a number for each character, the same for those that are to count as one (A and a)"""

    def __init__(
        self, output_size: int, *, folded: Sequence[int], longest: int = 5, buckets: int = 20_000
    ):
        super().__init__()
        self.output_size, self.longest, self.buckets = output_size, longest, buckets
        self.table = Embedding(1 + buckets, output_size, by_rows=True)
        with torch.no_grad():
            self.table.weight.mul_((2 * longest) ** -0.5)
        self.register_buffer("folded", torch.as_tensor(folded))

    def forward(self, characters: Tensor, lengths: Tensor) -> Tensor:
        return self.table.sums(self.numbers(characters, lengths))

    def numbers(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """The bucket of each affix, [W, 2 * longest]; all of them are above 0."""
        if char_features.usable(characters, lengths):
            return char_features.affix_ids(
                characters, lengths, self.folded, longest=self.longest, buckets=self.buckets
            )
        place = torch.arange(self.longest, device=characters.device)
        last = (
            (lengths.to(characters.device) - 2).clamp(min=0).unsqueeze(1)
        )  # <bos> stands before the word, <eos> after it
        letters = self.folded[characters]
        found = []
        for side, index in enumerate((1 + place.expand(len(characters), -1), last - place)):
            inside = (index >= 1) & (index <= last)
            letter = letters.gather(1, index.clamp(0, characters.shape[1] - 1)).masked_fill(
                ~inside, 0
            )
            code = torch.full_like(last, side + 1)
            for number in letter.split(1, 1):
                code = (code * 1_000_003 + number) % 2_147_483_647
                found.append(1 + (code ^ (code >> 13)) % self.buckets)
        return torch.cat(found, 1)
