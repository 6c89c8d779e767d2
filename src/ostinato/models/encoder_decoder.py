"""Many to many, unaligned: an encoder reads the source, a decoder generates the target.

Without attention (Sutskever, Vinyals and Le 2014) the decoder gets the encoder's final state only.
With attention (Luong, Pham and Manning 2015) h~_t = tanh(W_c [c_t; h_t]) (equation 5) is computed
after the recurrence, so that a whole target runs through the decoder at once; `input_feeding`
passes h~_{t-1} to step t (section 3.3). It is trained with teacher forcing or scheduled sampling
(Bengio et al. 2015).

B sources, N rows of decoding, S source steps, U target steps, E embedding size, H hidden units,
M size of the encoder's outputs, V vocabulary.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, PAD, Batch, pad
from ostinato.decoding.greedy import greedy
from ostinato.kernels import linear_cross_entropy
from ostinato.layers.recurrent import Recurrent
from ostinato.models.decoder import Decoder, DecoderState
from ostinato.models.inspectable import RecurrentPart, name_parts, score_targets
from ostinato.models.loss import Loss, require_targets, token_losses
from ostinato.padding import padding_mask

EncoderKind = TypeVar("EncoderKind", bound=nn.Module)


class EncoderDecoder(nn.Module, Generic[EncoderKind]):
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
        encoder: EncoderKind,
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
        return self.decoder_state(batch)

    def decoder_state(self, batch: Batch) -> DecoderState:
        """The decoder's part of the initial state."""
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
        hidden, _ = self.decoder(shift(require_targets(batch), self.bos), self.decoder_state(batch))
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
