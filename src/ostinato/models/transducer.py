"""Many to many, unaligned, by a transducer: a recurrent network over the labels joins the encoder.

Graves 2012, Sequence transduction with recurrent neural networks. Unlike CTC, what is emitted
depends on the labels before; unlike attention, it is emitted frame by frame, so that it can stream.
B batch, T' frames after subsampling, M size of the encoder's outputs, J size of the joiner,
U labels of a target, C labels; number 0, CTC's blank, goes on to the next frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.decoding.ctc import BLANK, Span
from ostinato.decoding.transducer import GreedyTransducer, align_transducer
from ostinato.kernels import linear
from ostinato.layers.dropout import dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent
from ostinato.models.inspectable import RecurrentPart
from ostinato.models.loss import full_precision, require_targets
from ostinato.models.speech_encoder import SpeechEncoder
from ostinato.models.transcriber import Transcriber
from ostinato.models.transducer_loss import transducer_losses

MOST_NUMBERS = 16_000_000  # hidden units and logits of lattice nodes that are in memory at once


class TransducerHead(nn.Module):
    """The prediction network and the joiner:

        g_u = recurrent(embedding(y_1 .. y_u))
        log p(. | t, u) = log_softmax(W tanh(W_f f_t + W_g g_u + b) + c)

    Graves 2012 adds the two networks' outputs before the softmax (equation 12); the hidden layer
    between is that of Graves, Mohamed and Hinton 2013, section 3.2.

    Args:
        cell: The prediction network's recurrent cell.
        size: Its units, and J.
        labels: C.
        memory_size: M.
        embedding_size: Of the labels.
        dropout: On the encoder's outputs, the embedding and the prediction network's outputs.
    """

    def __init__(
        self,
        cell: CellType,
        size: int,
        labels: int,
        *,
        memory_size: int,
        embedding_size: int,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.embedding = Embedding(labels, embedding_size)
        self.recurrent = Recurrent(cell, embedding_size, size)
        self.of_frame = nn.Linear(memory_size, size)
        self.of_labels = nn.Linear(self.recurrent.output_size, size, bias=False)
        self.output = nn.Linear(size, labels)
        self.dropout = dropout

    def predictions(self, targets: Tensor) -> Tensor:
        """Targets [B, U] padded with -100 -> W_g g_u [B, U + 1, J], the first before any label."""
        given = nn.functional.pad(targets.clamp(min=0), (1, 0), value=BLANK)
        hidden, _ = self.recurrent(self.drop(self.embedding(given)))
        return linear(self.drop(hidden), self.of_labels.weight, None)

    def frames(self, outputs: Tensor) -> Tensor:
        """The encoder's outputs [..., M] -> W_f f_t + b [..., J]"""
        return linear(self.drop(outputs), self.of_frame.weight, self.of_frame.bias)

    def drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, training=self.training)

    def join(self, frames: Tensor, predictions: Tensor) -> Tensor:
        """Frames and predictions [..., J] that broadcast -> logits [..., C]"""
        return full_precision(self.output((frames + predictions).tanh()))

    def lattice(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The edges of the lattice of encoded recordings [B, T', M] and their targets [B, U].

        Returns:
            log p of the blank at every node [B, T', U + 1], and of the next label at every node but
            the last of a row [B, T', U].
        """
        frames, predictions = self.frames(outputs), self.predictions(targets)
        wanted = targets.clamp(min=0)
        rows, places, size = predictions.shape
        # a block of frames at a time: its nodes are computed again when gradients are needed, so
        # that [B, T', U + 1, J] and [B, T', U + 1, C] are never in memory as a whole
        numbers = rows * places * (size + self.output.out_features)
        block = max(1, MOST_NUMBERS // max(1, numbers))
        if block >= frames.shape[1]:
            return self.edges(frames, predictions, wanted)
        parts = [
            checkpoint(self.edges, each, predictions, wanted, use_reentrant=False)
            for each in frames.split(block, 1)
        ]
        blanks, labels = zip(*parts, strict=True)
        return torch.cat(blanks, 1), torch.cat(labels, 1)

    def edges(self, frames: Tensor, predictions: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """As `lattice`, of frames [B, t, J] and predictions [B, U + 1, J]."""
        logits = self.join(frames[:, :, None], predictions[:, None])  # [B, t, U + 1, C]
        total = logits.logsumexp(-1)
        index = wanted[:, None, :, None].expand(-1, logits.shape[1], -1, -1)
        labels = logits[:, :, :-1].gather(-1, index)[..., 0]
        return logits[..., BLANK] - total, labels - total[..., :-1]

    def losses(self, outputs: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        """-log P of each target [B]; 0 for a recording without frames."""
        target_lengths = (targets != IGNORE).sum(-1)
        if not outputs.shape[1]:
            return outputs.new_zeros(len(outputs))
        return transducer_losses(*self.lattice(outputs, targets), lengths, target_lengths)

    @torch.no_grad()
    def align(self, frames: Tensor, targets: Tensor) -> list[Span]:
        """Where each label is emitted: encoder outputs [T', M] and targets [U] -> spans."""
        wanted = targets[targets != IGNORE]
        if not len(frames):
            return []
        blanks, labels = self.lattice(frames[None], wanted[None])
        found = align_transducer(blanks[0].cpu().numpy(), labels[0].cpu().numpy())
        return [
            Span(label, frame, frame + 1, float(labels[0, frame, place]))
            for place, (label, frame) in enumerate(zip(wanted.tolist(), found, strict=True))
        ]

    def along(self, frames: Tensor, spans: Sequence[Span]) -> Tensor:
        """log p of what an alignment of encoder outputs [T', M] may emit first at each frame
        [T', C].
        """
        labels = torch.tensor([[span.label for span in spans]], dtype=torch.int64)
        starts = torch.tensor([span.start for span in spans], dtype=torch.int64)
        before = torch.searchsorted(starts, torch.arange(len(frames)))  # labels before each frame
        predictions = self.predictions(labels.to(frames.device))[0]  # [U + 1, J]
        logits = self.join(self.frames(frames), predictions[before.to(frames.device)])
        return logits.log_softmax(-1)


class TransducerSteps:
    """A head in evaluation, as decoding wants it: one label, one frame at a time."""

    def __init__(self, head: TransducerHead):
        self.head = head

    @torch.inference_mode()
    def predict(self, label: int, state: State) -> tuple[Tensor, State]:
        head = self.head
        embedded = head.embedding.weight[label][None, None]
        hidden, state = head.recurrent(embedded, None, state)
        return linear(hidden[:, 0], head.of_labels.weight, None), state

    @torch.inference_mode()
    def join(self, frame: Tensor, predictions: Sequence[Tensor]) -> np.ndarray:
        """A frame W_f f_t + b [J] and predictions [1, J] each -> log p [N, C]"""
        logits = self.head.join(frame, torch.cat(list(predictions)))
        return logits.log_softmax(-1).double().cpu().numpy()


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
        _, labels = self.head.lattice(outputs, targets)  # [B, T', U]
        scores = labels.new_zeros(targets.shape)
        for row, length in enumerate(lengths.tolist()):
            for u, span in enumerate(self.head.align(outputs[row, :length], targets[row])):
                scores[row, u] = labels[row, span.start, u]
        return scores

    def emissions(self, batch: Batch) -> tuple[Tensor, list[Span]]:
        """The first recording's log p by frame [T', C] along the alignment of its target."""
        outputs, lengths = self.encoder(batch.inputs, batch.lengths)
        frames = outputs[0, : int(lengths[0])]
        spans = self.head.align(frames, require_targets(batch)[0])
        return self.head.along(frames, spans), spans
