"""Many to many, unaligned: an encoder reads the source, a decoder generates the target.

Without attention (Sutskever, Vinyals and Le 2014) the decoder gets the encoder's final state only.
With attention (Luong, Pham and Manning 2015) h~_t = tanh(W_c [c_t; h_t]) (equation 5) is computed
after the recurrence, so that a whole target runs through the decoder at once; `input_feeding`
passes h~_{t-1} to step t (section 3.3).

B sources, N rows of decoding, S source steps, U target steps, E embedding size, H hidden units,
M size of the encoder's outputs, V vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, PAD, Batch, pad
from ostinato.decoding.greedy import greedy
from ostinato.kernels import linear, linear_cross_entropy
from ostinato.layers.attention import Attention, Memory
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import MERGES, Recurrent, bidirectional_hidden_size
from ostinato.models.inspectable import RecurrentPart, name_parts, score_targets
from ostinato.models.loss import Loss, require_targets, token_losses
from ostinato.padding import padding_mask


class Encoder(nn.Module):
    """Tokens [B, S] -> outputs [B, S, H] and the final state of each row.

    Args:
        embedding: The source embedding, or a module that projects features.
        cell: The recurrent cell.
        hidden_size: Units of a layer, of both directions together.
        layers: Stacked layers.
        bidirectional: Whether to read in both directions.
        merge: How the outputs, and final states, of the two directions become one; see Recurrent.
        dropout: On the embedding and between layers.
    """

    def __init__(
        self,
        embedding: Embedding,
        cell: CellType,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = True,
        merge: str = "concat",
        dropout: float = 0.0,
    ):
        super().__init__()
        self.embedding = embedding
        self.dropout = Dropout(dropout)
        self.recurrent = Recurrent(
            cell,
            embedding.embedding_dim,
            bidirectional_hidden_size(hidden_size, bidirectional=bidirectional, merge=merge),
            layers=layers,
            bidirectional=bidirectional,
            merge=merge,
            dropout=dropout,
        )

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """Tokens [B, S] and lengths [B] -> outputs [B, S, H] and the state, one part per layer."""
        outputs, state = self.recurrent(self.dropout(self.embedding(tokens)), lengths)
        if self.recurrent.directions == 1:
            return outputs, state
        return outputs, merge_directions(state, self.recurrent.merge)


def merge_directions(state: State, merge: str) -> State:
    """Merges the states of both directions of each layer as the outputs are merged.

    (layer 1 forward, layer 1 backward, layer 2 forward, ...) -> (layer 1, layer 2, ...)
    """
    return tuple(
        tuple(MERGES[merge](*parts) for parts in zip(forward, backward, strict=True))
        for forward, backward in zip(state[::2], state[1::2], strict=True)
    )


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
        attention: `none`, `dot`, `general` or `additive`.
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
        self.attention = (
            None if attention == "none" else Attention(attention, hidden_size, memory_size)
        )
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
        hidden, weights = self.attend(outputs, state.memory)
        feed = hidden[:, -1] if self.input_feeding else None
        last_weights = None if weights is None else weights[:, -1]
        return self.output_dropout(hidden), state._replace(
            recurrent=recurrent, feed=feed, weights=last_weights
        )

    def attend(self, outputs: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor | None]:
        """h [N, U, H] -> h~ [N, U, E] and the attention weights [N, U, S] (None without any)."""
        if self.attention is None:
            return (outputs if self.readout is None else apply_tanh(self.readout, outputs)), None
        context, weights = self.attention(self.dropout(outputs), memory)  # [N, U, M], [N, U, S]
        assert self.readout is not None
        return apply_tanh(self.readout, torch.cat([context, outputs], -1)), weights


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


class EncoderDecoder(nn.Module):
    """Source tokens -> target tokens.

    Args:
        encoder: (inputs, lengths) -> (outputs [B, S, M], state).
        decoder: The decoder.
        bos, eos: Ids of the tokens at the beginning and at the end of a target.
        label_smoothing: Share of the target probability spread over the vocabulary in training
            (Szegedy et al. 2016, section 7).
        teacher_forcing: The probability with which each training step gets the true previous token
            instead of the model's own best (scheduled sampling, Bengio et al. 2015); 1 runs the
            target in one piece.
        output_precision: `bfloat16` rounds the factors of the output layer's products in training
            (linear_cross_entropy).
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        *,
        bos: int,
        eos: int,
        label_smoothing: float = 0.0,
        teacher_forcing: float = 1.0,
        output_precision: str = "float32",
    ):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.bos, self.eos = bos, eos
        self.label_smoothing = label_smoothing
        self.teacher_forcing = teacher_forcing
        self.output_precision = output_precision

    def read(self, batch: Batch) -> tuple[Tensor, Tensor, State]:
        """The encoder's outputs [B, S, M], their lengths [B], and the encoder's state."""
        outputs, state = self.encoder(batch.inputs, batch.lengths)
        return outputs, batch.lengths, state

    def initial_state(self, batch: Batch) -> DecoderState:
        """Encodes the sources: the state from which decoding begins, one row per source."""
        outputs, lengths, state = self.read(batch)
        decoder = self.decoder
        recurrent = fit_layers(state, decoder.recurrent, len(batch))
        context = recurrent[-1][0] if decoder.context == "every" else None
        if decoder.attention is None:
            return DecoderState(recurrent, context=context)
        positions = padding_mask(lengths, outputs.shape[1], outputs.device)
        memory = decoder.attention.remember(decoder.dropout(outputs), positions)
        feed = (
            outputs.new_zeros(len(batch), decoder.embedding.embedding_dim)
            if decoder.input_feeding
            else None
        )
        return DecoderState(recurrent, memory, context, feed, outputs.new_zeros(positions.shape))

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """tokens [N] -> logits [N, V] of the next token, and the new state."""
        hidden, state = self.decoder(tokens.unsqueeze(1), state)
        return self.decoder.output(hidden.squeeze(1)), state

    def attention_weights(self, state: DecoderState) -> Tensor | None:
        """The attention weights of the last step [N, S]; None without attention."""
        return state.weights

    def hidden(self, batch: Batch) -> Tensor:
        """h~ [B, U, E] at each target position, with teacher forcing."""
        hidden, _ = self.decoder(shift(require_targets(batch), self.bos), self.initial_state(batch))
        return hidden

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The sum of -log p over all target tokens."""
        scheduled_sampling = self.training and self.teacher_forcing < 1
        hidden = self.sampled_hidden(batch) if scheduled_sampling else self.hidden(batch)
        targets = require_targets(batch).flatten()
        smoothing = self.label_smoothing if self.training else 0.0
        total = linear_cross_entropy(
            hidden.flatten(0, 1),
            self.decoder.output.weight,
            self.decoder.output.bias,
            targets,
            label_smoothing=smoothing,
            precision=self.output_precision if self.training else "float32",
        )
        return Loss(total, int((targets != IGNORE).sum()))

    def sampled_hidden(self, batch: Batch) -> Tensor:
        """As hidden(), with scheduled sampling: the model's own tokens replace some of the true."""
        state: DecoderState = self.initial_state(batch)
        given = shift(require_targets(batch), self.bos)  # [B, U]
        hidden: list[Tensor] = []
        tokens = given[:, 0]
        for step in range(given.shape[1]):
            if step > 0:
                with torch.no_grad():
                    own = self.decoder.output(hidden[-1].squeeze(1)).argmax(-1)
                forced = torch.rand(len(batch), device=own.device) < self.teacher_forcing
                tokens = torch.where(forced, given[:, step], own)
            output, state = self.decoder(tokens.unsqueeze(1), state)
            hidden.append(output)
        return torch.cat(hidden, 1)

    def log_probabilities(self, batch: Batch) -> Tensor:
        """log P(target | source) of each pair [B], including <eos>."""
        output = self.decoder.output
        targets = require_targets(batch)
        return -token_losses(self.hidden(batch), output.weight, output.bias, targets).sum(1)

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The encoder's layers, if it is recurrent, and the decoder's."""
        reading = [part._replace(name="encoder") for part in name_parts(self.encoder)]
        return [*reading, RecurrentPart("decoder", self.decoder.recurrent, "targets")]

    def own_targets(self, batch: Batch) -> Tensor:
        """The greedy answer of each source with its <eos>, [B, U]."""
        found = greedy(
            self.step,
            self.initial_state(batch),
            rows=len(batch),
            bos=self.bos,
            eos=self.eos,
            forbidden=(PAD, self.bos),
            maximum_length=10 + 2 * batch.lengths,
        )
        rows = [torch.tensor([*each.tokens, self.eos]) for each in found]
        return pad(rows, IGNORE)[0].to(batch.inputs.device)

    def step_scores(self, batch: Batch) -> Tensor:
        """log p of each target token [B, U], with teacher forcing."""
        return score_targets(self.decoder.output(self.hidden(batch)), require_targets(batch))


def shift(targets: Tensor, bos: int) -> Tensor:
    """shift([[5, 6, eos]], bos) -> [[bos, 5, 6]]: the decoder's inputs under teacher forcing."""
    given = targets.roll(1, dims=1).masked_fill(targets.roll(1, dims=1) == IGNORE, PAD)
    given[:, 0] = bos
    return given


def fit_layers(state: State, recurrent: Recurrent, rows: int) -> State:
    """The encoder's state as the initial state of a decoder with another number of layers.

    A shallower decoder gets the top layers; a deeper one gets zeros for its additional layers.
    """
    layers = recurrent.layers
    zeros = recurrent.initial_state(rows)
    top = state[-layers:]
    return tuple(top) + tuple(zeros[len(top) :])
