"""A recurrent decoder with or without attention.

N rows of decoding, S source steps, U target steps, E embedding size, H hidden units, M size of the
encoder's outputs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.kernels import linear
from ostinato.layers.attention import Attention, Memory
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.location_attention import LocationAttention
from ostinato.layers.recurrent import Recurrent


class DecoderState(NamedTuple):
    """What decoding carries from step to step.

    Attributes:
        recurrent: The recurrent state.
        memory: Keys and values of attention; None without attention.
        context: The source's context vector [N, H] if it is an input of every step; else None.
        feed: h~ of the previous step [N, E] with input feeding; else None.
        weights: The attention weights of the last step [N, S]; None without attention.
    """

    recurrent: State
    memory: Memory | None = None
    context: Tensor | None = None
    feed: Tensor | None = None
    weights: Tensor | None = None


class Decoder(nn.Module):
    """Tokens [N, U] and a DecoderState -> h~ [N, U, E] and the next DecoderState.

    Args:
        embedding: The target embedding.
        cell: The recurrent cell.
        hidden_size: Units of a layer, H.
        memory_size: Size of the encoder's outputs, M.
        layers: Stacked layers.
        attention: `none`, `dot`, `general`, `additive` or `location`.
        context: `initial`: the source's final state is the decoder's initial state; `every`: its
            vector is an input of every step as well.
        input_feeding: Whether h~ of the previous step is an input; needs attention.
        tied: Whether the output layer shares the embedding's weights (Press and Wolf 2017).
        dropout: On the embedding, between layers and on the query of attention.
        output_dropout: On h~; default: `dropout`.
    """

    def __init__(
        self,
        embedding: Embedding,
        cell: CellType,
        hidden_size: int,
        *,
        memory_size: int,
        layers: int = 1,
        attention: str = "general",
        context: str = "initial",
        input_feeding: bool = False,
        tied: bool = True,
        dropout: float = 0.0,
        output_dropout: float | None = None,
    ):
        super().__init__()
        if input_feeding and attention == "none":
            raise ValueError("input_feeding needs an attention; got attention='none'")
        self.embedding = embedding
        self.context = context
        self.input_feeding = input_feeding
        size = embedding.embedding_dim
        input_size = size + memory_size * (context == "every") + size * input_feeding
        self.recurrent = Recurrent(cell, input_size, hidden_size, layers=layers, dropout=dropout)
        self.attention = build_attention(attention, hidden_size, memory_size)
        self.readout = build_readout(
            hidden_size, None if self.attention is None else memory_size, size, tied
        )
        self.dropout = Dropout(dropout)
        self.output_dropout = Dropout(dropout if output_dropout is None else output_dropout)
        readout_size = hidden_size if self.readout is None else size
        self.output = nn.Linear(readout_size, embedding.num_embeddings)
        if tied:
            self.output.weight = embedding.weight

    def forward(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Tokens [N, U] and the state -> h~ [N, U, E], the output layer's input, and the state."""
        if self.input_feeding and tokens.shape[1] != 1:
            return unroll(self, tokens, state)
        inputs = self.dropout(self.embedding(tokens))
        if state.context is not None:
            inputs = torch.cat(
                [inputs, state.context.unsqueeze(1).expand(-1, tokens.shape[1], -1)], -1
            )
        if state.feed is not None:
            inputs = torch.cat([inputs, state.feed.unsqueeze(1)], -1)
        outputs, recurrent = self.recurrent(inputs, None, state.recurrent)
        hidden, weights = self.attend(outputs, state.memory, state.weights)
        feed = hidden[:, -1] if self.input_feeding else None
        last_weights = None if weights is None else weights[:, -1]
        return self.output_dropout(hidden), state._replace(
            recurrent=recurrent, feed=feed, weights=last_weights
        )

    def attend(
        self, outputs: Tensor, memory: Memory | None, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """h [N, U, H] -> h~ [N, U, E] and the attention weights [N, U, S] (None without any);
        `before`: those of the step before [N, S].
        """
        if self.attention is None:
            return (outputs if self.readout is None else apply_tanh(self.readout, outputs)), None
        # [N, U, M], [N, U, S]
        context, weights = self.attention(self.dropout(outputs), memory, before)
        assert self.readout is not None
        return apply_tanh(self.readout, torch.cat([context, outputs], -1)), weights


def build_attention(kind: str, hidden_size: int, memory_size: int) -> Attention | None:
    """An attention of a kind; None for `none`."""
    if kind == "none":
        return None
    if kind == "location":
        return LocationAttention(hidden_size, memory_size)
    return Attention(kind, hidden_size, memory_size)


def build_readout(
    hidden_size: int, memory_size: int | None, size: int, tied: bool
) -> nn.Linear | None:
    """W_c of h~ = tanh(W_c [c; h]), with memory_size None for a decoder without attention.

    Without attention there is one only where a tied output layer needs inputs of another size.
    """
    if memory_size is not None:
        return nn.Linear(memory_size + hidden_size, size)
    return nn.Linear(hidden_size, size) if tied and hidden_size != size else None


def apply_tanh(layer: nn.Linear, x: Tensor) -> Tensor:
    """tanh(W x + b)"""
    return linear(x, layer.weight, layer.bias).tanh()


def unroll(decoder: Decoder, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
    """The decoder one step at a time, which input feeding requires."""
    hidden = []
    for step in range(tokens.shape[1]):
        output, state = decoder(tokens[:, step : step + 1], state)
        hidden.append(output)
    return torch.cat(hidden, 1), state
