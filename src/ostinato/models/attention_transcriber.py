"""Many to many, unaligned, by attention: a decoder that listens, alone or with CTC.

Chan et al. 2016; Watanabe et al. 2017. B batch, T' frames after subsampling, M size of the
encoder's outputs, U labels of a target, C labels; number 0, CTC's blank, is the decoder's beginning
and end of a sequence.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.decoding.ctc import BLANK
from ostinato.models.encoder_decoder import Decoder, DecoderState, shift
from ostinato.models.loss import Loss, require_targets
from ostinato.models.speech_encoder import SpeechEncoder
from ostinato.models.transcriber import Transcriber
from ostinato.padding import padding_mask


class AttentionHead(nn.Module):
    """A decoder with attention over a speech encoder's outputs.

    Args:
        decoder: With an attention.
        label_smoothing: Share of the target probability spread over all labels in training.
    """

    def __init__(self, decoder: Decoder, *, label_smoothing: float = 0.0):
        super().__init__()
        if decoder.attention is None:
            raise ValueError("the decoder needs an attention")
        self.decoder, self.label_smoothing = decoder, label_smoothing

    def start(self, outputs: Tensor, lengths: Tensor) -> DecoderState:
        """The state before the first label, for encoded recordings [B, T', M]."""
        decoder, rows = self.decoder, len(outputs)
        assert decoder.attention is not None
        mask = padding_mask(lengths, outputs.shape[1], outputs.device)
        memory = decoder.attention.remember(decoder.dropout(outputs), mask)
        feed = None
        if decoder.input_feeding:
            feed = outputs.new_zeros(rows, decoder.embedding.embedding_dim)
        state = decoder.recurrent.initial_state(rows)
        return DecoderState(state, memory, None, feed, outputs.new_zeros(mask.shape))

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """tokens [N] -> logits [N, C] of the next label, and the new state."""
        hidden, state = self.decoder(tokens.unsqueeze(1), state)
        return self.decoder.output(hidden.squeeze(1)), state

    def losses(self, outputs: Tensor, lengths: Tensor, batch: Batch) -> Tensor:
        """-log P of each target with its end [B]."""
        targets = with_end(require_targets(batch))
        hidden, _ = self.decoder(shift(targets, BLANK), self.start(outputs, lengths))
        logits = self.decoder.output(hidden)  # [B, U + 1, C]
        found = functional.cross_entropy(
            logits.transpose(1, 2),
            targets,
            ignore_index=IGNORE,
            reduction="none",
            label_smoothing=self.label_smoothing if self.training else 0.0,
        )
        return found.sum(-1)


def with_end(targets: Tensor) -> Tensor:
    """with_end([[3, 4], [5, -100]]) -> [[3, 4, 0], [5, 0, -100]]"""
    ended = functional.pad(targets, (0, 1), value=IGNORE)
    lengths = (targets != IGNORE).sum(-1, keepdim=True)
    return ended.scatter(1, lengths, BLANK)


class AttentionTranscriber(nn.Module):
    """A speech encoder and an attention decoder, without CTC."""

    def __init__(self, encoder: SpeechEncoder, head: AttentionHead):
        super().__init__()
        self.encoder, self.head = encoder, head

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The summed -log P(target | frames), by the number of labels and ends."""
        outputs, lengths = self.encoder(batch.inputs, batch.lengths)
        losses = self.head.losses(outputs, lengths, batch)
        return Loss(losses.sum(), int((require_targets(batch) != IGNORE).sum()) + len(batch))

    def log_probabilities(self, batch: Batch) -> Tensor:
        """log P(target | frames) [B]."""
        outputs, lengths = self.encoder(batch.inputs, batch.lengths)
        return -self.head.losses(outputs, lengths, batch)


class JointTranscriber(Transcriber):
    """A speech encoder with both a CTC output and an attention decoder.

    Args:
        encoder: Frames [B, T, D] -> [B, T', M].
        labels: C.
        head: The attention decoder.
        ctc_weight: CTC's share of the loss, 0 to 1 (equation 13).
        dropout: Before CTC's output layer.
    """

    def __init__(
        self,
        encoder: SpeechEncoder,
        labels: int,
        head: AttentionHead,
        *,
        ctc_weight: float,
        dropout: float = 0.0,
    ):
        super().__init__(encoder, labels, dropout=dropout)
        self.head, self.ctc_weight = head, ctc_weight

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        outputs, lengths = self.encoder(batch.inputs, batch.lengths)
        by_ctc, counts = self.ctc_losses(outputs, lengths, batch)
        by_attention = self.head.losses(outputs, lengths, batch)
        losses = self.ctc_weight * by_ctc + (1 - self.ctc_weight) * by_attention
        return torch.where(counts.to(losses.device) > 0, losses, torch.zeros_like(losses)), counts
