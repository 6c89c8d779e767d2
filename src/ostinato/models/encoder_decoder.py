"""Many to many, unaligned: one recurrent network reads the source, another writes the target from what the first remembers.

without attention   Sutskever, Vinyals and Le 2014: the encoder's last state is all that the decoder gets
with attention      Luong, Pham and Manning 2015: h~_t = tanh(W_c [c_t; h_t]) (eq. 5), applied after the recurrence, so that
                    a whole target runs through the decoder at once; `input_feeding` hands h~_{t-1} to step t (section 3.3)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, PAD, Batch
from ostinato.decoding.beam import beam_search
from ostinato.decoding.greedy import greedy
from ostinato.decoding.sample import sample
from ostinato.decoding.step import Hypothesis
from ostinato.kernels import linear, linear_cross_entropy
from ostinato.layers.attention import Attention, Memory
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent
from ostinato.models.loss import Loss, token_losses
from ostinato.padding import padding_mask


class Encoder(nn.Module):
    """Tokens [B, S] -> outputs [B, S, H] and the state behind the last real one. `hidden_size` counts both directions."""

    def __init__(
        self,
        embedding: Embedding,
        cell: CellType,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
    ):
        super().__init__()
        if bidirectional and hidden_size % 2:
            raise ValueError(f"hidden_size must be even with bidirectional; got {hidden_size}")
        self.embedding = embedding
        self.dropout = Dropout(dropout)
        self.recurrent = Recurrent(
            cell,
            embedding.embedding_dim,
            hidden_size // (1 + bidirectional),
            layers=layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        outputs, state = self.recurrent(self.dropout(self.embedding(tokens)), lengths)
        return outputs, join_directions(state) if self.recurrent.directions == 2 else state


def join_directions(state: State) -> State:
    """(layer 1 forward, layer 1 backward, layer 2 forward, ...) -> (layer 1, layer 2, ...), the parts side by side."""
    return tuple(
        tuple(torch.cat(parts, -1) for parts in zip(forward, backward, strict=True))
        for forward, backward in zip(state[::2], state[1::2], strict=True)
    )


class DecoderState(NamedTuple):
    """What decoding carries from step to step.

    recurrent   the cells' state
    memory      what attention looks at; None without attention
    context     [N, H], the source's one vector, given at every step if so asked; else None
    feed        [N, E], h~ of the step before, with input feeding; else None
    weights     [N, S], where the last step looked; None without attention
    """

    recurrent: State
    memory: Memory | None = None
    context: Tensor | None = None
    feed: Tensor | None = None
    weights: Tensor | None = None


class Decoder(nn.Module):
    """Tokens [N, U] and a DecoderState -> what predicts each next token, h~ [N, U, E], and the next DecoderState.

    attention       "none", "dot", "general" or "additive"
    context         "initial": the source's vector is the first state; "every": it is an input of every step, too
    tied            the output layer's weights are the embedding's (Press and Wolf 2017)
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
        self.readout = self.build_readout(hidden_size, memory_size, size, tied)
        self.dropout = Dropout(dropout)
        self.output_dropout = Dropout(dropout if output_dropout is None else output_dropout)
        readout_size = hidden_size if self.readout is None else size
        self.output = nn.Linear(readout_size, embedding.num_embeddings)
        if tied:
            self.output.weight = embedding.weight

    def build_readout(
        self, hidden_size: int, memory_size: int, size: int, tied: bool
    ) -> nn.Linear | None:
        """W_c of h~ = tanh(W_c [c; h]); without attention only where a tied output layer needs another size."""
        if self.attention is not None:
            return nn.Linear(memory_size + hidden_size, size)
        return nn.Linear(hidden_size, size) if tied and hidden_size != size else None

    def forward(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
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
        hidden, weights = self.look(outputs, state.memory)
        feed = hidden[:, -1] if self.input_feeding else None
        last_weights = None if weights is None else weights[:, -1]
        return self.output_dropout(hidden), state._replace(
            recurrent=recurrent, feed=feed, weights=last_weights
        )

    def look(self, outputs: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor | None]:
        """h [N, U, H] -> h~ [N, U, E] and the attention weights [N, U, S]."""
        if self.attention is None:
            return (outputs if self.readout is None else self.read_out(outputs)), None
        context, weights = self.attention(self.dropout(outputs), memory)
        return self.read_out(torch.cat([context, outputs], -1)), weights

    def read_out(self, x: Tensor) -> Tensor:
        return linear(x, self.readout.weight, self.readout.bias).tanh()


def unroll(decoder: Decoder, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
    """The decoder one step at a time: what input feeding costs."""
    hidden = []
    for step in range(tokens.shape[1]):
        output, state = decoder(tokens[:, step : step + 1], state)
        hidden.append(output)
    return torch.cat(hidden, 1), state


class EncoderDecoder(nn.Module):
    """Source tokens -> target tokens.

    label_smoothing     the share of probability spread over all words while training (Szegedy et al. 2016, section 7)
    teacher_forcing     the probability with which each training step is given the true previous token rather than the
                        model's own best (scheduled sampling, Bengio et al. 2015); 1 runs the target in one piece
    output_precision    "bfloat16" rounds the factors of the output layer's products while training (linear_cross_entropy)
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
        """The encoder's outputs [B, S, M], how many of each row are real [B], and its state."""
        outputs, state = self.encoder(batch.inputs, batch.lengths)
        return outputs, batch.lengths, state

    def start(self, batch: Batch) -> DecoderState:
        """The sources, read: the state from which decoding begins, one row a source."""
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
        """tokens [N] -> logits [N, V] of the next ones, and the state behind them."""
        hidden, state = self.decoder(tokens.unsqueeze(1), state)
        return self.decoder.output(hidden.squeeze(1)), state

    def looked_at(self, state: DecoderState) -> Tensor | None:
        """Where the last step's attention went, [N, S]; None without attention."""
        return state.weights

    def hidden(self, batch: Batch) -> Tensor:
        """h~ [B, U, E] behind every target token of a batch, under teacher forcing."""
        hidden, _ = self.decoder(shift(batch.targets, self.bos), self.start(batch))
        return hidden

    def loss(self, batch: Batch, state: State = None) -> Loss:
        hidden = (
            self.hidden(batch)
            if not self.training or self.teacher_forcing >= 1
            else self.sampled_hidden(batch)
        )
        wanted = batch.targets.flatten()
        smoothing = self.label_smoothing if self.training else 0.0
        total = linear_cross_entropy(
            hidden.flatten(0, 1),
            self.decoder.output.weight,
            self.decoder.output.bias,
            wanted,
            label_smoothing=smoothing,
            precision=self.output_precision if self.training else "float32",
        )
        return Loss(total, int((wanted != IGNORE).sum()))

    def sampled_hidden(self, batch: Batch) -> Tensor:
        """As hidden(), but each step sees the model's own last word with probability 1 - teacher_forcing."""
        state, given, hidden = self.start(batch), shift(batch.targets, self.bos), []
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
        """log P(target | source) of every pair, [B], the end of the sentence counted in."""
        output = self.decoder.output
        return -token_losses(self.hidden(batch), output.weight, output.bias, batch.targets).sum(1)


def search_targets(
    model: EncoderDecoder,
    batch: Batch,
    *,
    maximum_length: int | Tensor,
    width: int = 5,
    length_penalty: float = 0.0,
    n_best: int = 1,
    watch_attention: bool = False,
) -> list[list[Hypothesis]]:
    """Beam search with any model that has start, step, bos and eos; `watch_attention` returns its weights, too.

    A beam of width 1 is greedy decoding, which is the quicker way to the same answer."""
    settings = {
        "rows": len(batch),
        "bos": model.bos,
        "eos": model.eos,
        "forbidden": (PAD, model.bos),
        "maximum_length": maximum_length,
        "watch": model.looked_at if watch_attention else None,
    }
    if width == 1 and n_best == 1:
        return [[hypothesis] for hypothesis in greedy(model.step, model.start(batch), **settings)]
    return beam_search(
        model.step,
        model.start(batch),
        width=width,
        length_penalty=length_penalty,
        n_best=n_best,
        **settings,
    )


def sample_targets(
    model: EncoderDecoder, batch: Batch, *, watch_attention: bool = False, **settings
) -> list[list[Hypothesis]]:
    """As search_targets, but one target for each source, drawn; `settings` as decoding.sample's keywords."""
    watch = model.looked_at if watch_attention else None
    drawn = sample(
        model.step,
        model.start(batch),
        rows=len(batch),
        bos=model.bos,
        eos=model.eos,
        forbidden=(PAD, model.bos),
        watch=watch,
        **settings,
    )
    return [[hypothesis] for hypothesis in drawn]


def shift(targets: Tensor, bos: int) -> Tensor:
    """shift([[5, 6, eos]], bos) -> [[bos, 5, 6]]: what the decoder reads to predict the targets."""
    given = targets.roll(1, dims=1).masked_fill(targets.roll(1, dims=1) == IGNORE, PAD)
    given[:, 0] = bos
    return given


def fit_layers(state: State, recurrent: Recurrent, rows: int) -> State:
    """The encoder's layers as the decoder's first state: its uppermost ones, and zeros for what the decoder has more."""
    layers = recurrent.layers
    first = recurrent.start(rows)
    kept = state[-layers:]
    return tuple(kept) + tuple(first[len(kept) :])
