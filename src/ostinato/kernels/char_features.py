"""Character features of words: a convolution with max-pooling, and affix ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ostinato.kernels import availability, bindings
from ostinato.kernels.bindings import _native


def usable(characters: Tensor, lengths: Tensor, *tensors: Tensor) -> bool:
    """Whether the compiled part takes characters [W, C], lengths [W] and these tables."""
    whole = (
        all(part.is_cpu and part.dtype == torch.int64 for part in (characters, lengths))
        and characters.dim() == 2
    )
    if (
        not (whole and availability.usable(*tensors))
        or lengths.shape != characters.shape[:1]
        or not characters.numel()
    ):
        return False
    shortest, longest = (int(bound) for bound in lengths.aminmax())
    return shortest >= 0 and longest <= characters.shape[1]


def strongest(characters: Tensor, lengths: Tensor, tables: Tensor, bias: Tensor) -> Tensor:
    """tanh of the largest response of each filter over the positions of each word.

    Args:
        characters: ids [W, C], int64
        lengths: [W], int64, from 0 to C
        tables: [width, characters, F], each character's part of each filter's response, for each
            position of the window
        bias: [F]

    Returns:
        [W, F]

    Raises:
        IndexError: a character that the tables do not have.
    """
    return CharacterFeatures.apply(characters.contiguous(), lengths.contiguous(), tables, bias)


class CharacterFeatures(torch.autograd.Function):
    @staticmethod
    def forward(context, characters, lengths, tables, bias):
        tables, bias = tables.contiguous(), bias.contiguous()
        vectors = tables.new_empty(len(characters), len(bias))
        chosen = torch.empty(vectors.shape, dtype=torch.int32)
        call = (characters, lengths, tables, bias, vectors, chosen)
        if not run(_native.char_features_forward, call):
            raise IndexError(f"characters must lie in 0..{tables.shape[1] - 1}")
        context.save_for_backward(*call)
        return vectors

    @staticmethod
    @once_differentiable
    def backward(context, d_vectors):
        tables, bias = context.saved_tensors[2:4]
        d_tables, d_bias = torch.zeros_like(tables), torch.zeros_like(bias)
        run(
            _native.char_features_backward,
            context.saved_tensors,
            d_vectors=d_vectors.contiguous(),
            d_tables=d_tables,
            d_bias=d_bias,
        )
        return None, None, d_tables, d_bias


def run(function: Any, call: Sequence[Tensor], **more: Tensor) -> bool:
    """Fills `CharFeatures` of native/auxiliary_call.h; `call`: what both passes read."""
    characters, lengths, tables, bias, vectors, chosen = call
    return bindings.run(
        function,
        "CharFeatures",
        threads=torch.get_num_threads(),
        words=characters.shape[0],
        longest=characters.shape[1],
        width=tables.shape[0],
        filters=tables.shape[2],
        characters_known=tables.shape[1],
        characters=characters,
        lengths=lengths,
        tables=tables,
        bias=bias,
        vectors=vectors,
        chosen=chosen,
        **more,
    )


def affix_ids(
    characters: Tensor, lengths: Tensor, folded: Tensor, *, longest: int, buckets: int
) -> Tensor:
    """The ids of each word's prefixes and suffixes.

    Args:
        characters: ids [W, C], int64
        lengths: [W], int64
        folded: [characters], the id that stands for each character, int64
        longest: characters of the longest affix
        buckets: how many ids there are

    Returns:
        [W, 2 * longest], each in 1..buckets

    Raises:
        IndexError: a character that `folded` does not have.
    """
    found = torch.empty(len(characters), 2 * longest, dtype=torch.int64)
    all_known = bindings.run(
        _native.affixes,
        "Affixes",
        words=characters.shape[0],
        longest=characters.shape[1],
        longest_affix=longest,
        buckets=buckets,
        characters_known=len(folded),
        characters=characters.contiguous(),
        lengths=lengths.contiguous(),
        folded=folded.contiguous(),
        found=found,
    )
    if not all_known:
        raise IndexError(f"characters must lie in 0..{len(folded) - 1}")
    return found
