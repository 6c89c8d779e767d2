"""An encoder-decoder whose scores are added to those of a statistical translation model.

    p(y_u | y_<u, x) = softmax(W h~_u + b + w log p_lexicon(y_u | y_<u, x))

as the bias of Arthur, Neubig and Nakamura 2016 (section 4.1), with the alignment of a hidden Markov
model in place of the attention. The network learns what the lexicon lacks, the context of a word
above all, and w: in a training that is too short to learn every word, this is most of the way.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.models.decoder import Decoder, DecoderState
from ostinato.models.encoder_decoder import EncoderDecoder, EncoderKind, shift
from ostinato.models.inspectable import score_targets
from ostinato.models.lexicon import Lexicon, LexiconState
from ostinato.models.loss import Loss, require_targets

WEIGHT = 0.6  # w before training


class LexicalState(NamedTuple):
    """The states of decoder and lexicon."""

    decoder: DecoderState
    lexicon: LexiconState


class LexicalEncoderDecoder(EncoderDecoder[EncoderKind]):
    """An EncoderDecoder with a Lexicon; the other arguments are those of the EncoderDecoder.

    Args:
        lexicon: The fitted statistical model.
    """

    def __init__(
        self,
        encoder: EncoderKind,
        decoder: Decoder,
        lexicon: Lexicon,
        *,
        bos: int,
        eos: int,
        label_smoothing: float = 0.0,
    ):
        super().__init__(encoder, decoder, bos=bos, eos=eos, label_smoothing=label_smoothing)
        self.lexicon = lexicon
        self.lexicon_weight = nn.Parameter(torch.tensor(WEIGHT))

    def initial_state(self, batch: Batch) -> LexicalState:  # type: ignore[override]
        return LexicalState(self.decoder_state(batch), self.lexicon.initial_state(batch))

    def step(  # type: ignore[override]
        self, tokens: Tensor, state: LexicalState
    ) -> tuple[Tensor, LexicalState]:
        logits, decoder = super().step(tokens, state.decoder)
        scores, lexicon = self.lexicon.step(tokens, state.lexicon)
        return logits + self.lexicon_weight * scores, LexicalState(decoder, lexicon)

    def attention_weights(self, state: LexicalState) -> Tensor | None:  # type: ignore[override]
        return state.decoder.weights

    def logits(self, batch: Batch) -> Tensor:
        """The logits at each target position [B, U, V], with teacher forcing."""
        given = shift(require_targets(batch), self.bos)
        scores = self.lexicon.read(given, self.lexicon.initial_state(batch))
        return self.decoder.output(self.hidden(batch)) + self.lexicon_weight * scores

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The sum of -log p over all target tokens."""
        targets = require_targets(batch).flatten()
        total = functional.cross_entropy(
            self.logits(batch).flatten(0, 1).float(),
            targets,
            ignore_index=IGNORE,
            reduction="sum",
            label_smoothing=self.label_smoothing if self.training else 0.0,
        )
        return Loss(total, int((targets != IGNORE).sum()))

    @torch.no_grad()
    def log_probabilities(self, batch: Batch) -> Tensor:
        return self.step_scores(batch).sum(1)

    def step_scores(self, batch: Batch) -> Tensor:
        return score_targets(self.logits(batch), require_targets(batch))
