"""What is played at the next step, given the state: one event of several, or any set of pitches. Each is a distribution that adds
up to 1 over everything that it can give, that can be drawn from, and whose parts are asked for by `choose` or `flip`:

    choose(logits [n, V], rows [n]) -> [n] one of V for each of those rows
    flip(logits [n, P], rows [n]) -> [n, P] bool, each on or off"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.data.batching.batch import IGNORE
from ostinato.layers.dropout import Dropout


class Draws(Protocol):
    """How something is drawn from logits, row by row: decoding's temperature, top-k and top-p, with a random number of its own
    for each row."""

    def choose(self, logits: Tensor, rows: Tensor) -> Tensor: ...

    def flip(self, logits: Tensor, rows: Tensor) -> Tensor: ...


class OneEvent(nn.Module):
    """One of several events: a softmax, as for the next note of a melody."""

    def __init__(self, size: int, events: int):
        super().__init__()
        self.output = nn.Linear(size, events)

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """hidden [N, H], targets [N] int -> -log p [N]"""
        return functional.cross_entropy(self.output(hidden), targets, reduction="none")

    def draw(self, hidden: Tensor, draws: Draws) -> Tensor:
        """hidden [n, H] -> events [n]"""
        return draws.choose(self.output(hidden), torch.arange(len(hidden)))


class Independent(nn.Module):
    """Any set of pitches, each on or off by itself (Boulanger-Lewandowski, Bengio and Vincent 2012, equation 8: the RNN)."""

    def __init__(self, size: int, pitches: int):
        super().__init__()
        self.output = nn.Linear(size, pitches)

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """hidden [N, H], targets [N, P] of 0 and 1 -> -log p of each whole set [N]"""
        logits = self.output(hidden)
        return functional.binary_cross_entropy_with_logits(
            logits, targets.to(logits), reduction="none"
        ).sum(-1)

    def draw(self, hidden: Tensor, draws: Draws) -> Tensor:
        """hidden [n, H] -> which pitches are on [n, P] bool"""
        return draws.flip(self.output(hidden), torch.arange(len(hidden)))


class Voices(nn.Module):
    """Any set of pitches, one note after the other from the lowest to the highest (or downwards), each given the state and the notes
    that are chosen already, until none is left to add:

        p(notes | state) = prod_k p(n_k | n_1 .. n_k-1, state) p(end | all of them, state)
        a_k = relu(W s + sum_{j<k} U[n_j] + L[n_k-1]);  logits_k = V relu(M a_k + a_k) restricted to notes above n_k-1, and the end

    As in the RNN-NADE (Boulanger-Lewandowski et al. 2012, section 5; Larochelle and Murray 2011), what has been chosen is a sum
    of vectors; here, by notes and not by all pitches, so that a chord of four notes takes five steps and not 128."""

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
        self.chosen = nn.Embedding(pitches + 1, width)  # the last row: nothing chosen
        self.latest = nn.Embedding(pitches + 1, width)
        self.middle = nn.Linear(width, width)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(width, pitches + 1)  # the last one: the end
        for table in (self.chosen, self.latest):
            nn.init.normal_(table.weight, 0.0, 0.1)

    def logits(self, state: Tensor, chosen: Tensor, latest: Tensor) -> Tensor:
        """state and chosen [..., width], the latest note [...] (P: none yet) -> scores [..., P + 1], -inf for what cannot follow."""
        hidden = torch.relu(state + chosen + self.latest(latest))
        hidden = self.dropout(torch.relu(self.middle(hidden) + hidden))
        scores = self.output(hidden)
        after = torch.where(latest == self.pitches, -1, latest).unsqueeze(-1)
        return scores.masked_fill(
            torch.arange(self.pitches + 1, device=scores.device) <= after, -torch.inf
        )

    def notes(self, targets: Tensor) -> Tensor:
        """Sets [N, P] of 0 and 1 -> their notes in the order in which they are chosen [N, K], P where there are no more."""
        targets = targets > 0
        targets = targets.flip(-1) if self.downwards else targets
        most = int(targets.sum(-1).max()) if len(targets) else 0
        places = torch.where(
            targets, torch.arange(self.pitches, device=targets.device), self.pitches
        )
        return places.topk(most, largest=False).values.sort(-1).values

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """hidden [N, H], targets [N, P] of 0 and 1 -> -log p of each whole set [N]"""
        notes = self.notes(targets)  # [N, K]
        nothing = notes.new_full((len(notes), 1), self.pitches)
        latest, wanted = torch.cat([nothing, notes], 1), torch.cat([notes, nothing], 1)
        vectors = self.chosen(latest) * (latest != self.pitches).unsqueeze(-1)
        real = torch.cat(
            [nothing == self.pitches, notes != self.pitches], 1
        )  # up to and with the end
        state = self.state(hidden).unsqueeze(1).expand(-1, latest.shape[1], -1)
        scores = self.logits(state[real], vectors.cumsum(1)[real], latest[real])
        losses = hidden.new_zeros(latest.shape)
        losses[real] = functional.cross_entropy(scores, wanted[real], reduction="none")
        return losses.sum(1)

    def draw(self, hidden: Tensor, draws: Draws) -> Tensor:
        """hidden [n, H] -> which pitches are on [n, P] bool"""
        on = torch.zeros(len(hidden), self.pitches, dtype=torch.bool, device=hidden.device)
        state, chosen = self.state(hidden), hidden.new_zeros(len(hidden), self.chosen.embedding_dim)
        rows, latest = torch.arange(len(hidden)), torch.full((len(hidden),), self.pitches)
        while len(rows):
            note = draws.choose(
                self.logits(state[rows], chosen[rows], latest[rows].to(hidden.device)), rows
            )
            going = note != self.pitches
            rows, note = rows[going.cpu()], note[going]
            on[rows, note] = True
            chosen[rows] += self.chosen(note)
            latest[rows] = note.cpu()
        return on.flip(-1) if self.downwards else on


def real_targets(targets: Tensor) -> Tensor:
    """Which steps are not padding, [B, T]."""
    return (targets if targets.dim() == 2 else targets[..., 0]) != IGNORE
