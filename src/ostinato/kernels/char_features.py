"""What characters say of a word, in one call: a convolution with the largest response of each filter, and affixes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ostinato.kernels import availability, bindings
from ostinato.kernels.bindings import _native, address


def usable(characters: Tensor, lengths: Tensor, *tensors: Tensor) -> bool:
    """Whether the compiled part takes words [W, C] of so many characters, and these tables."""
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
    """tanh of the largest response of each filter [W, F] over the places of each word.

    tables [width, characters, F]  what each character adds to each filter at each place of the window; bias [F]

    IndexError for a character that the tables do not have."""
    return Strongest.apply(characters.contiguous(), lengths.contiguous(), tables, bias)


class Strongest(torch.autograd.Function):
    @staticmethod
    def forward(context, characters, lengths, tables, bias):
        tables, bias = tables.contiguous(), bias.contiguous()
        vectors = tables.new_empty(len(characters), len(bias))
        chosen = torch.empty(vectors.shape, dtype=torch.int32)
        call = (characters, lengths, tables, bias, vectors, chosen)
        if not run(_native.spelled_forward, *call):
            raise IndexError(f"characters must lie in 0..{tables.shape[1] - 1}")
        context.save_for_backward(*call)
        return vectors

    @staticmethod
    @once_differentiable
    def backward(context, d_vectors):
        tables, bias = context.saved_tensors[2:4]
        d_tables, d_bias = torch.zeros_like(tables), torch.zeros_like(bias)
        run(
            _native.spelled_backward,
            *context.saved_tensors,
            d_vectors.contiguous(),
            d_tables,
            d_bias,
        )
        return None, None, d_tables, d_bias


def run(function, characters: Tensor, lengths: Tensor, tables: Tensor, *tensors: Tensor) -> bool:
    """`Spelled` of native/sequence_call.h."""
    (words, longest), (width, known, filters) = characters.shape, tables.shape
    sizes = (bindings.chosen, torch.get_num_threads(), words, longest, width, filters, known)
    places = [address(part) for part in (characters, lengths, tables, *tensors)]
    return function(*sizes, *places, *[0] * (9 - len(places)))


def affix_numbers(
    characters: Tensor, lengths: Tensor, folded: Tensor, *, longest: int, buckets: int
) -> Tensor:
    """The bucket of each affix, [W, 2 * longest]. IndexError for a character beyond `folded`."""
    found = torch.empty(len(characters), 2 * longest, dtype=torch.int64)
    tensors = (characters.contiguous(), lengths.contiguous(), folded.contiguous())
    if not _native.affixes(
        bindings.chosen,
        *characters.shape,
        longest,
        buckets,
        len(folded),
        *map(address, tensors),
        address(found),
    ):
        raise IndexError(f"characters must lie in 0..{len(folded) - 1}")
    return found
