"""Counting models with the interface of `models.music.Music`.

They read the previous step from the first columns of a step's features.

N rows, B batch, T steps, P pitches, D features.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.baselines.note_markov import NoteMarkov, encode_contexts
from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.data.music.tunes import END, EVENTS, PITCHES
from ostinato.models.loss import require_targets
from ostinato.models.music_heads import Sampler, target_mask
from ostinato.tasks.shared.ngram_network import NGramNetwork


class EventMarkov(nn.Module):
    """An n-gram model of events; the context before a tune is the end of another.

    Its state is the last events [N, order - 1], -1 for no event.

    Args:
        tensors: The counts, as returned by `markov.model_tensors`.
    """

    def __init__(self, tensors: Mapping[str, Tensor]):
        super().__init__()
        self.events = NGramNetwork(tensors, size=EVENTS, impossible=())

    def initial_state(self, rows: int) -> State:
        return self.events.initial_state(rows)

    def losses(self, batch: Batch, state: State = None) -> tuple[Tensor, State]:
        """-log p of each step's event [B, T], zero in the padding, and the new state."""
        state = self.initial_state(len(batch)) if state is None else state
        return self.events.losses(previous_events(batch.inputs), require_targets(batch), state)

    def read(self, inputs: Tensor, lengths: Tensor, state: State) -> State:
        """The state after features [N, T, D]."""
        kept = state.shape[1]
        rows = [
            torch.cat([row, events[:length]])
            for row, events, length in zip(
                state, previous_events(inputs).cpu(), lengths, strict=True
            )
        ]
        return torch.stack([row[len(row) - kept :] for row in rows])

    def step(self, inputs: Tensor, state: State, sampler: Sampler) -> tuple[Tensor, State]:
        """Features [N, D] of the previous step -> a sample of the next step [N], and state."""
        logits, state = self.events.step(previous_events(inputs), state)
        return sampler.choose(logits, torch.arange(len(logits))), state


class ChordMarkov(nn.Module):
    """Each pitch on or off independently, given its neighbourhood in the last two steps.

    Its state is the chord two steps before the next one, [N, P] bool.

    Args:
        on: How often each pitch was on in each context, [contexts, P] int.
        seen: How often each context occurred, [contexts, P] int.
    """

    on: Tensor
    seen: Tensor

    def __init__(self, on: Tensor, seen: Tensor):
        super().__init__()
        self.register_buffer("on", on)
        self.register_buffer("seen", seen)

    @property
    def markov(self) -> NoteMarkov:
        return NoteMarkov(self.on.cpu().numpy(), self.seen.cpu().numpy())

    def initial_state(self, rows: int) -> State:
        return torch.zeros(rows, PITCHES, dtype=torch.bool)

    def probabilities(self, previous: Tensor, state: State) -> np.ndarray:
        """The probability that each pitch is on [N, T, P].

        Args:
            previous: The chord before each step [N, T, P] bool.
            state: The chord before the first of those [N, P] bool.
        """
        markov = self.markov
        rows = []
        for row in torch.cat([state.unsqueeze(1), previous], 1).numpy():  # [T + 1, P]
            # one more step, so that the last chord is also a context
            contexts = encode_contexts(np.concatenate([row, np.zeros_like(row[:1])]))[2:]
            rows.append(markov.p[contexts * (len(markov.p) > 1), np.arange(PITCHES)])
        return np.stack(rows)

    def losses(self, batch: Batch, state: State = None) -> tuple[Tensor, State]:
        """-log p of each step's chord [B, T], zero in the padding, and the new state."""
        state = self.initial_state(len(batch)) if state is None else state
        previous, targets = previous_chords(batch.inputs), require_targets(batch).cpu()
        p = torch.from_numpy(self.probabilities(previous, state))
        losses = -torch.where(targets > 0, p, 1 - p).log().sum(-1) * target_mask(targets)
        return losses.float().to(batch.inputs.device), previous[:, -1]

    def read(self, inputs: Tensor, lengths: Tensor, state: State) -> State:
        """The state after features [N, T, D]."""
        previous = torch.cat([state.unsqueeze(1), previous_chords(inputs)], 1)
        return previous[torch.arange(len(previous)), lengths]

    def step(self, inputs: Tensor, state: State, sampler: Sampler) -> tuple[Tensor, State]:
        """Features [N, D] of the previous step -> a sample of the next step [N, P], and state."""
        previous = previous_chords(inputs).unsqueeze(1)
        logits = torch.from_numpy(self.probabilities(previous, state)[:, 0]).logit()
        logits = logits.to(inputs.device)
        return sampler.flip(logits, torch.arange(len(logits))), previous[:, 0]


def build_markov_network(
    tensors: Mapping[str, Tensor], *, chords: bool
) -> EventMarkov | ChordMarkov:
    """Builds the network of a counting model from its counts."""
    return ChordMarkov(tensors["on"], tensors["seen"]) if chords else EventMarkov(tensors)


def previous_events(inputs: Tensor) -> Tensor:
    """Features [..., D] -> the event before each step [...]; END before the first."""
    events = inputs[..., :EVENTS]
    return torch.where(events.any(-1), events.argmax(-1), END)


def previous_chords(inputs: Tensor) -> Tensor:
    """Features [..., D] -> the pitches that sounded before each step [..., P] bool, on the CPU."""
    return inputs[..., :PITCHES].cpu() > 0
