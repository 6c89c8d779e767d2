"""Many to many, unaligned, by connectionist temporal classification: from frames to a shorter
label sequence.

Graves et al. 2006. B batch, T frames, T' frames after subsampling, C labels with the blank, U
labels of a target.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.decoding.ctc import BLANK, Span, align, greedy
from ostinato.layers.dropout import dropout
from ostinato.models.inspectable import RecurrentPart
from ostinato.models.loss import Loss, full_precision, require_targets
from ostinato.models.speech_encoder import EncoderStream, SpeechEncoder


class Transcriber(nn.Module):
    """A speech encoder, and a softmax over the labels and the blank (number 0) at every frame.

    Args:
        encoder: Frames [B, T, D] -> [B, T', H].
        labels: Number of labels C, the blank included.
        dropout: Before the output layer.
    """

    def __init__(self, encoder: SpeechEncoder, labels: int, *, dropout: float = 0.0):
        super().__init__()
        self.encoder, self.dropout = encoder, dropout
        self.output = nn.Linear(encoder.output_size, labels)

    def log_probabilities_by_frame(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(log p [B, T', C], lengths [B])"""
        outputs, lengths = self.encoder(batch.inputs, batch.lengths)
        return self.label_log_probabilities(outputs), lengths

    def label_log_probabilities(self, outputs: Tensor) -> Tensor:
        """The encoder's outputs [B, T', H] -> log p [B, T', C]"""
        outputs = dropout(outputs, self.dropout, training=self.training)
        return full_precision(self.output(outputs)).log_softmax(-1)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The summed -log P(target | frames), by the number of labels.

        A target that needs more frames than there are has probability 0: it counts nothing, so that
        neither loss nor gradient becomes infinite.
        """
        losses, counts = self.losses(batch)
        return Loss(losses.sum(), int(counts.sum()))

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """-log P of each target [B], 0 where it is impossible, and its labels [B] (0 there)."""
        outputs, lengths = self.encoder(batch.inputs, batch.lengths)
        return self.ctc_losses(outputs, lengths, batch)

    def ctc_losses(self, outputs: Tensor, lengths: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """As `losses`, of the encoder's outputs [B, T', H]."""
        targets, target_lengths = require_targets(batch), batch.target_lengths
        if target_lengths is None:
            target_lengths = (targets != IGNORE).sum(-1).cpu()
        found = self.label_log_probabilities(outputs)
        possible = needed_frames(targets) <= lengths.to(targets.device)  # [B]
        losses = functional.ctc_loss(
            found.transpose(0, 1).float(),
            targets.clamp(min=0),
            lengths,
            target_lengths,
            blank=BLANK,
            reduction="none",
            zero_infinity=True,
        )
        counted = torch.where(possible.cpu(), target_lengths, torch.zeros_like(target_lengths))
        return torch.where(possible, losses, torch.zeros_like(losses)), counted

    def log_probabilities(self, batch: Batch) -> Tensor:
        """log P(target | frames) [B]; -inf where there are too few frames for the target."""
        losses, _ = self.losses(batch)
        lengths = self.encoder.output_lengths(batch.lengths).to(losses.device)
        impossible = needed_frames(require_targets(batch)) > lengths
        return (-losses).masked_fill(impossible, -torch.inf)

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The layers of the encoder, each a part of its own, as frames are joined between them."""
        return self.encoder.recurrent_parts()

    @torch.no_grad()
    def own_targets(self, batch: Batch) -> Tensor:
        """The labels that greedy decoding finds [B, U], padded with -100."""
        rows = [torch.tensor(labels) for labels in self.best_labels(batch)]
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=IGNORE)
        return padded.long().to(batch.inputs.device)

    def best_labels(self, batch: Batch) -> list[list[int]]:
        """The labels of each recording's most probable path."""
        found, lengths = self.log_probabilities_by_frame(batch)
        return [
            [span.label for span in greedy(row[:length].cpu().numpy())]
            for row, length in zip(found, lengths.tolist(), strict=True)
        ]

    def step_scores(self, batch: Batch) -> Tensor:
        """log p of each label over its frames of the most probable path of the target [B, U]."""
        found, lengths = self.log_probabilities_by_frame(batch)
        targets = require_targets(batch)
        scores = found.new_zeros(targets.shape)
        for row, length in enumerate(lengths.tolist()):
            frames = found[row, :length]
            for u, span in enumerate(self.align(frames, targets[row])):
                scores[row, u] = frames[span.start : span.end, span.label].sum()
        return scores

    def align(self, frames: Tensor, targets: Tensor) -> list[Span]:
        """Where each label is emitted: log p by frame [T', C] and targets [U] -> spans."""
        labels = targets[targets != IGNORE].tolist()
        if int(needed_frames(targets[None])) > len(frames):
            return []
        return align(frames.detach().cpu().double().numpy(), labels)

    def emissions(self, batch: Batch) -> tuple[Tensor, list[Span]]:
        """The first recording's log p by frame [T', C], and where its target is emitted."""
        found, lengths = self.log_probabilities_by_frame(batch)
        frames = found[0, : int(lengths[0])]
        return frames, self.align(frames, require_targets(batch)[0])

    def start_stream(self) -> TranscriberStream:
        return TranscriberStream(self.encoder, self.row)

    def row(self, output: Tensor) -> Tensor:
        """An output [H] of the encoder -> log p [C]"""
        return self.output(output[None]).log_softmax(-1)[0]


class TranscriberStream:
    """A transcriber of one direction, frame by frame: rows as they become known.

    Args:
        encoder: The encoder.
        row: Makes a row of each of its outputs, such as log p [C].
    """

    def __init__(self, encoder: SpeechEncoder, row: Callable[[Tensor], Tensor]):
        self.encoder, self.row = EncoderStream(encoder), row

    @torch.inference_mode()
    def push(self, frames: Tensor) -> list[Tensor]:
        """Frames [n, D] -> rows that are ready."""
        return [self.row(each) for frame in frames for each in self.encoder.push(frame)]

    @torch.inference_mode()
    def finish(self) -> list[Tensor]:
        return [self.row(each) for each in self.encoder.finish()]


def needed_frames(targets: Tensor) -> Tensor:
    """Frames that CTC needs for targets [B, U] padded with -100: labels, and repeats of a
    neighbour.
    """
    real = targets != IGNORE
    repeats = (targets[:, 1:] == targets[:, :-1]) & real[:, 1:]
    return real.sum(-1) + repeats.sum(-1)


class TranscriberEnsemble(nn.Module):
    """Transcribers over the same labels: the mean of their probabilities at every frame."""

    def __init__(self, models: list[nn.Module]):
        super().__init__()
        self.models = nn.ModuleList(models)

    @property
    def members(self) -> list[Any]:
        """The models, typed for calls of their own methods."""
        return list(self.models)

    @property
    def encoder(self) -> SpeechEncoder:
        return self.members[0].encoder

    def log_probabilities_by_frame(self, batch: Batch) -> tuple[Tensor, Tensor]:
        found = [model.log_probabilities_by_frame(batch) for model in self.members]
        stacked = torch.stack([each for each, _ in found])
        return stacked.logsumexp(0) - torch.tensor(len(found)).log(), found[0][1]

    def log_probabilities(self, batch: Batch) -> Tensor:
        """The log of the mean of the members' P(target | frames) [B]."""
        each = torch.stack([model.log_probabilities(batch) for model in self.members])
        return each.logsumexp(0) - torch.tensor(len(self.models)).log()
