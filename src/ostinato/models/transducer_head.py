"""The head of a transducer: a prediction network over the labels, joined with the encoder.

B batch, T' frames after subsampling, M size of the encoder's outputs, J size of the joiner,
U labels of a target, C labels; number 0, CTC's blank, goes on to the next frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE
from ostinato.decoding.ctc import BLANK, Span
from ostinato.decoding.transducer import align_transducer
from ostinato.kernels import linear
from ostinato.layers.dropout import dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent
from ostinato.models.loss import full_precision
from ostinato.models.transducer_loss import transducer_losses

MOST_NUMBERS = 16_000_000  # hidden units and logits of lattice nodes that are in memory at once


class TransducerLattice(nn.Module):
    """What every head can do that knows frames, predictions and how to join them.

    Attributes:
        numbers: Hidden units and logits of a node of the lattice.
    """

    numbers: int

    def frames(self, outputs: Tensor) -> Tensor:
        """The encoder's outputs [..., M] as the joiner reads them [..., J]."""
        raise NotImplementedError

    def predictions(self, targets: Tensor) -> Tensor:
        """Targets [B, U] padded with -100, as the joiner reads them [B, U + 1, J], the first
        before any label.
        """
        raise NotImplementedError

    def predict(self, label: int, state: State) -> tuple[Tensor, State]:
        """One step of the prediction network: what the joiner reads [1, J], and the new state."""
        raise NotImplementedError

    def join(self, frames: Tensor, predictions: Tensor) -> Tensor:
        """Frames and predictions [..., J] that broadcast -> logits [..., C]"""
        raise NotImplementedError

    def lattice(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The edges of the lattice of encoded recordings [B, T', M] and their targets [B, U].

        Returns:
            log p of the blank at every node [B, T', U + 1], and of the next label at every node but
            the last of a row [B, T', U].
        """
        frames, predictions = self.frames(outputs), self.predictions(targets)
        wanted = targets.clamp(min=0)
        rows, places = predictions.shape[:2]
        # a block of frames at a time: its nodes are computed again when gradients are needed, so
        # that [B, T', U + 1, J] and [B, T', U + 1, C] are never in memory as a whole
        block = max(1, MOST_NUMBERS // max(1, rows * places * self.numbers))
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


class TransducerHead(TransducerLattice):
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
        self.numbers = size + labels

    def predictions(self, targets: Tensor) -> Tensor:
        """Targets [B, U] padded with -100 -> W_g g_u [B, U + 1, J], the first before any label."""
        given = functional.pad(targets.clamp(min=0), (1, 0), value=BLANK)
        hidden, _ = self.recurrent(self.drop(self.embedding(given)))
        return linear(self.drop(hidden), self.of_labels.weight, None)

    def frames(self, outputs: Tensor) -> Tensor:
        """The encoder's outputs [..., M] -> W_f f_t + b [..., J]"""
        return linear(self.drop(outputs), self.of_frame.weight, self.of_frame.bias)

    def predict(self, label: int, state: State) -> tuple[Tensor, State]:
        embedded = self.embedding.weight[label][None, None]
        hidden, state = self.recurrent(embedded, None, state)
        return linear(hidden[:, 0], self.of_labels.weight, None), state

    def drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, training=self.training)

    def join(self, frames: Tensor, predictions: Tensor) -> Tensor:
        return full_precision(self.output((frames + predictions).tanh_()))


class JoinedHeads(TransducerLattice):
    """Several heads over the same labels: the mean of their probabilities at every node.

    Their encoders' outputs and predictions stand side by side.

    Args:
        heads: The heads.
    """

    def __init__(self, heads: Sequence[TransducerHead]):
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self.numbers = sum(head.numbers for head in heads)
        self.read = [head.of_frame.in_features for head in heads]
        self.joined = [head.of_frame.out_features for head in heads]

    @property
    def members(self) -> list[Any]:
        """The heads, typed for calls of their own methods."""
        return list(self.heads)

    def frames(self, outputs: Tensor) -> Tensor:
        parts = zip(self.members, outputs.split(self.read, -1), strict=True)
        return torch.cat([head.frames(part) for head, part in parts], -1)

    def predictions(self, targets: Tensor) -> Tensor:
        return torch.cat([head.predictions(targets) for head in self.members], -1)

    def predict(self, label: int, state: State) -> tuple[Tensor, State]:
        before = [None] * len(self.members) if state is None else state
        found = [head.predict(label, own) for head, own in zip(self.members, before, strict=True)]
        return torch.cat([part for part, _ in found], -1), [own for _, own in found]

    def join(self, frames: Tensor, predictions: Tensor) -> Tensor:
        """The log of the mean probability, which is as good as a logit."""
        parts = zip(
            self.members,
            frames.split(self.joined, -1),
            predictions.split(self.joined, -1),
            strict=True,
        )
        found = torch.stack([head.join(*part).log_softmax(-1) for head, *part in parts])
        return found.logsumexp(0)


class TransducerSteps:
    """A head in evaluation, as decoding wants it: one label, one frame at a time."""

    def __init__(self, head: TransducerLattice):
        self.head = head

    @torch.inference_mode()
    def predict(self, label: int, state: State) -> tuple[Tensor, State]:
        return self.head.predict(label, state)

    @torch.inference_mode()
    def join(self, frame: Tensor, predictions: Sequence[Tensor]) -> np.ndarray:
        """A frame W_f f_t + b [J] and predictions [1, J] each -> log p [N, C]"""
        logits = self.head.join(frame, torch.cat(list(predictions)))
        return logits.log_softmax(-1).double().cpu().numpy()
