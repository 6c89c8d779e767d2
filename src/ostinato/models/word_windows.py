"""Networks over windows of words, without recurrence, for taggers.

What came before recurrent networks, with the same interface, so that the limits show on the same
data. B sentences, T words, D numbers of a word, H hidden units.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.padding import padding_mask


class FixedLengthNetwork(nn.Module):
    """The standard network: a sentence of `length` words as one vector, through one hidden layer.

        h = relu(W [x_1, ..., x_length] + b),   y_t = relu(V_t h + U_t x_t + c_t)

    Shorter sentences are padded with zeros; the words after `length` are not read. Every position
    has weights of its own: nothing learned at one place of a sentence is known at another, and the
    number of weights grows with the length.

    Args:
        size: D.
        hidden_size: H, of the hidden layer and of each position's output.
        length: words that are read.
    """

    directions = 2  # it needs the whole sentence

    def __init__(self, size: int, hidden_size: int, length: int):
        super().__init__()
        self.length, self.output_size = length, hidden_size
        self.hidden = nn.Linear(length * size, hidden_size)
        self.from_hidden = nn.Parameter(torch.empty(length, hidden_size, hidden_size))
        self.from_word = nn.Parameter(torch.empty(length, size, hidden_size))
        self.bias = nn.Parameter(torch.zeros(length, hidden_size))
        for weights in (self.from_hidden, self.from_word):
            bound = (6 / sum(weights.shape[1:])) ** 0.5  # Glorot and Bengio 2010
            nn.init.uniform_(weights, -bound, bound)

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: None = None
    ) -> tuple[Tensor, None]:
        """[B, T, D] -> ([B, T, H], None); zeros after `length` words."""
        steps = x.shape[1]
        x = zero_padding(x, lengths)[:, : self.length]
        x = functional.pad(x, (0, 0, 0, self.length - x.shape[1]))
        hidden = self.hidden(x.flatten(1)).relu()
        outputs = torch.einsum("bh,lhk->blk", hidden, self.from_hidden)
        outputs = outputs + torch.einsum("bld,ldk->blk", x, self.from_word) + self.bias
        outputs = outputs.relu()[:, :steps]
        outputs = functional.pad(outputs, (0, 0, 0, steps - outputs.shape[1]))
        return zero_padding(outputs, lengths), None


class WindowNetwork(nn.Module):
    """Convolutions over windows of three words, one layer on the other: y = relu(W * x + b).

    A word sees `layers` words to each side and nothing beyond (Collobert et al. 2011, section 3.3).

    Args:
        size: D.
        hidden_size: H.
        layers: of convolution.
        dropout: between layers.
    """

    directions = 2  # it needs the words to come

    def __init__(self, size: int, hidden_size: int, *, layers: int = 1, dropout: float = 0.0):
        super().__init__()
        self.output_size, self.dropout = hidden_size, nn.Dropout(dropout)
        sizes = [size] + [hidden_size] * layers
        self.layers = nn.ModuleList(
            nn.Conv1d(before, after, 3, padding=1)
            for before, after in zip(sizes[:-1], sizes[1:], strict=True)
        )

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: None = None
    ) -> tuple[Tensor, None]:
        """[B, T, D] -> ([B, T, H], None)"""
        x = zero_padding(x, lengths)
        for number, layer in enumerate(self.layers):
            x = self.dropout(x) if number else x
            x = zero_padding(layer(x.transpose(1, 2)).transpose(1, 2).relu(), lengths)
        return x, None


def zero_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """[B, T, D] with zeros beyond each sentence's length."""
    if lengths is None:
        return x
    return x * padding_mask(lengths, x.shape[1], x.device).unsqueeze(-1).to(x.dtype)
