"""Many to many, unaligned, by a transducer: a recurrent network over the labels joins the encoder.

Graves 2012, Sequence transduction with recurrent neural networks. Unlike CTC, what is emitted
depends on the labels before; unlike attention, it is emitted frame by frame, so that it can stream.
B batch, T' frames after subsampling, M size of the encoder's outputs, U labels of a target,
C labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.decoding.ctc import Span
from ostinato.decoding.transducer import GreedyTransducer, align_transducer
from ostinato.models.inspectable import RecurrentPart
from ostinato.models.loss import require_targets
from ostinato.models.speech_encoder import SpeechEncoder
from ostinato.models.transcriber import Transcriber
from ostinato.models.transducer_head import TransducerHead, TransducerSteps


class TransducerTranscriber(Transcriber):
    """A speech encoder with a transducer, and with CTC beside it, which teaches it to align.

    Args:
        encoder: Frames [B, T, D] -> [B, T', M].
        labels: C.
        head: The transducer.
        ctc_weight: CTC's share of the loss, 0 to 1; 0 leaves CTC's output layer at zero.
        dropout: Before CTC's output layer.
    """

    def __init__(
        self,
        encoder: SpeechEncoder,
        labels: int,
        head: TransducerHead,
        *,
        ctc_weight: float,
        dropout: float = 0.0,
    ):
        super().__init__(encoder, labels, dropout=dropout)
        self.head, self.ctc_weight = head, ctc_weight
        if not ctc_weight:
            nn.init.zeros_(self.output.weight)
            nn.init.zeros_(self.output.bias)
            self.output.requires_grad_(False)

    @property
    def has_ctc(self) -> bool:
        """Whether CTC's output layer was trained."""
        return bool(self.output.weight.any())

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of each target [B], 0 for a recording without frames, and its labels [B]."""
        outputs, lengths = self.encoder(batch.inputs, batch.lengths)
        targets = require_targets(batch)
        counts = (targets != IGNORE).sum(-1).cpu() * (lengths.cpu() > 0)
        losses = (1 - self.ctc_weight) * self.head.losses(outputs, lengths, targets)
        if self.ctc_weight:
            # a target that CTC cannot spell counts nothing there: the transducer can
            losses = losses + self.ctc_weight * self.ctc_losses(outputs, lengths, batch)[0]
        return losses, counts

    def log_probabilities(self, batch: Batch) -> Tensor:
        """log P(target | frames) by the transducer [B]; -inf for a recording without frames."""
        outputs, lengths = self.encoder(batch.inputs, batch.lengths)
        losses = self.head.losses(outputs, lengths, require_targets(batch))
        return (-losses).masked_fill(lengths.to(losses.device) == 0, -torch.inf)

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The layers of the encoder, and the prediction network, which reads the labels."""
        prediction = RecurrentPart("prediction", self.head.recurrent, "targets")
        return [*super().recurrent_parts(), prediction]

    def best_labels(self, batch: Batch) -> list[list[int]]:
        """The labels that greedy search finds in each recording."""
        outputs, lengths = self.encoder(batch.inputs, batch.lengths)
        found = []
        for row, length in zip(outputs, lengths.tolist(), strict=True):
            search = GreedyTransducer(TransducerSteps(self.head))
            for frame in self.head.frames(row[:length]):
                search.advance(frame)
            found.append(list(search.hypotheses()[0].labels))
        return found

    def step_scores(self, batch: Batch) -> Tensor:
        """log p of each label at its frame on the target's most probable alignment [B, U]."""
        outputs, lengths = self.encoder(batch.inputs, batch.lengths)
        targets = require_targets(batch)
        blanks, labels = self.head.lattice(outputs, targets)  # [B, T', U + 1], [B, T', U]
        scores = labels.new_zeros(targets.shape)
        for row, number in enumerate((targets != IGNORE).sum(-1).tolist()):
            own = (blanks[row, : lengths[row], : number + 1], labels[row, : lengths[row], :number])
            found = align_transducer(*(each.detach().cpu().numpy() for each in own))
            for u, frame in enumerate(found):
                scores[row, u] = labels[row, frame, u]
        return scores

    def emissions(self, batch: Batch) -> tuple[Tensor, list[Span]]:
        """The first recording's log p by frame [T', C] along the alignment of its target."""
        outputs, lengths = self.encoder(batch.inputs, batch.lengths)
        frames = outputs[0, : int(lengths[0])]
        spans = self.head.align(frames, require_targets(batch)[0])
        return self.head.along(frames, spans), spans
