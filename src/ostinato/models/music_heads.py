"""Output heads of music models: one event of several, or any subset of the pitches.

Each is a normalised distribution that can be evaluated (`losses`) and sampled from (`draw`).
N rows, H hidden units, P pitches, K notes of the largest chord.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.data.batching.batch import IGNORE
from ostinato.layers.dropout import Dropout


class Sampler(Protocol):
    """Row-wise sampling from logits, with temperature, top-k and top-p applied.

    One random generator per row, so that a row's sample does not depend on the rest of the batch.
    """

    def choose(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Logits [n, V] of the given rows [n] -> one category of V for each, [n]."""
        ...

    def flip(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Logits [n, P] of the given rows [n] -> independent Bernoulli samples [n, P] bool."""
        ...


class EventHead(nn.Module):
    """One of several events (softmax), such as the next note of a melody."""

    def __init__(self, size: int, events: int):
        super().__init__()
        self.output = nn.Linear(size, events)

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """hidden [N, H], targets [N] int -> -log p [N]"""
        return functional.cross_entropy(self.output(hidden), targets, reduction="none")

    def draw(self, hidden: Tensor, sampler: Sampler) -> Tensor:
        """hidden [n, H] -> events [n]"""
        return sampler.choose(self.output(hidden), torch.arange(len(hidden)))


class IndependentPitchHead(nn.Module):
    """Any subset of the pitches, each on or off independently given the state.

    The output of the RNN in Boulanger-Lewandowski, Bengio and Vincent 2012, equation 8.
    """

    def __init__(self, size: int, pitches: int):
        super().__init__()
        self.output = nn.Linear(size, pitches)

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """hidden [N, H], targets [N, P] of 0 and 1 -> -log p of each chord [N]"""
        logits = self.output(hidden)
        return functional.binary_cross_entropy_with_logits(
            logits, targets.to(logits), reduction="none"
        ).sum(-1)

    def draw(self, hidden: Tensor, sampler: Sampler) -> Tensor:
        """hidden [n, H] -> which pitches are on [n, P] bool"""
        return sampler.flip(self.output(hidden), torch.arange(len(hidden)))


class NoteSequenceHead(nn.Module):
    """Any subset of the pitches, as an autoregressive sequence of notes in ascending order.

    Each note is conditioned on the state s and on the notes chosen so far, until the end is chosen:

        p(notes | s) = prod_k p(n_k | n_1 .. n_k-1, s) p(end | all notes, s)
        a_k = relu(W s + sum_{j<k} U[n_j] + L[n_k-1])
        logits_k = V relu(M a_k + a_k), restricted to notes above n_k-1 and the end

    As in the RNN-NADE (Boulanger-Lewandowski et al. 2012, section 5; Larochelle and Murray 2011),
    the chosen notes enter as a sum of vectors; iterating over notes rather than over all pitches,
    a chord of four notes takes five steps instead of 128.

    Args:
        size: Hidden units H.
        pitches: Pitches P.
        width: Units of the head; default: `size`.
        downwards: Descending order, from the highest note to the lowest.
        dropout: Before the output layer.
    """

    def __init__(
        self,
        size: int,
        pitches: int,
        *,
        width: int | None = None,
        downwards: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        width = width or size
        self.pitches, self.downwards = pitches, downwards
        self.state = nn.Linear(size, width)
        self.chosen = nn.Embedding(pitches + 1, width)  # the last row: no note yet
        self.latest = nn.Embedding(pitches + 1, width)
        self.middle = nn.Linear(width, width)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(width, pitches + 1)  # the last one: end of the chord
        for table in (self.chosen, self.latest):
            nn.init.normal_(table.weight, 0.0, 0.1)

    def logits(self, state: Tensor, chosen: Tensor, latest: Tensor) -> Tensor:
        """Scores of the next note [..., P + 1], -inf for notes that are excluded by the order.

        Args:
            state: W s [..., width].
            chosen: The sum of the chosen notes' vectors [..., width].
            latest: The note chosen last [...]; P if there is none yet.
        """
        hidden = torch.relu(state + chosen + self.latest(latest))
        hidden = self.dropout(torch.relu(self.middle(hidden) + hidden))
        scores = self.output(hidden)
        after = torch.where(latest == self.pitches, -1, latest).unsqueeze(-1)
        return scores.masked_fill(
            torch.arange(self.pitches + 1, device=scores.device) <= after, -torch.inf
        )

    def notes(self, targets: Tensor) -> Tensor:
        """Subsets [N, P] of 0 and 1 -> their notes in the order of choice [N, K], padded with P."""
        targets = targets > 0
        targets = targets.flip(-1) if self.downwards else targets
        most = int(targets.sum(-1).max()) if len(targets) else 0
        pitches = torch.arange(self.pitches, device=targets.device)
        present = torch.where(targets, pitches, self.pitches)  # [N, P]
        return present.topk(most, largest=False).values.sort(-1).values

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """hidden [N, H], targets [N, P] of 0 and 1 -> -log p of each chord [N]"""
        notes = self.notes(targets)  # [N, K]
        end = notes.new_full((len(notes), 1), self.pitches)  # also "no note yet"
        latest = torch.cat([end, notes], 1)  # [N, K + 1]
        wanted = torch.cat([notes, end], 1)  # [N, K + 1]
        vectors = self.chosen(latest) * (latest != self.pitches).unsqueeze(-1)  # [N, K + 1, W]
        # every choice of a row's notes, and the choice of the end after the last one
        mask = torch.cat([end == self.pitches, notes != self.pitches], 1)
        state = self.state(hidden).unsqueeze(1).expand(-1, latest.shape[1], -1)
        scores = self.logits(state[mask], vectors.cumsum(1)[mask], latest[mask])
        losses = hidden.new_zeros(latest.shape)
        found = functional.cross_entropy(scores, wanted[mask], reduction="none")
        losses[mask] = found.to(losses.dtype)
        return losses.sum(1)

    def draw(self, hidden: Tensor, sampler: Sampler) -> Tensor:
        """hidden [n, H] -> which pitches are on [n, P] bool"""
        on = torch.zeros(len(hidden), self.pitches, dtype=torch.bool, device=hidden.device)
        state, chosen = self.state(hidden), hidden.new_zeros(len(hidden), self.chosen.embedding_dim)
        rows, latest = torch.arange(len(hidden)), torch.full((len(hidden),), self.pitches)
        while len(rows):
            note = sampler.choose(
                self.logits(state[rows], chosen[rows], latest[rows].to(hidden.device)), rows
            )
            unfinished = note != self.pitches
            rows, note = rows[unfinished.cpu()], note[unfinished]
            on[rows, note] = True
            chosen[rows] += self.chosen(note)
            latest[rows] = note.cpu()
        return on.flip(-1) if self.downwards else on


def target_mask(targets: Tensor) -> Tensor:
    """The padding mask of targets [B, T] or [B, T, P]: [B, T], true at real steps."""
    return (targets if targets.dim() == 2 else targets[..., 0]) != IGNORE
