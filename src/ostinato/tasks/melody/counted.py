"""Music models that are learned by counting, in a network's place: the Markov models and frequencies that stand beside every
report, with the methods of models.music.Music. What was played before stands in the first columns of the features.

Letters: N rows, B batch, T steps, P pitches, D features."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.baselines.ngram import NGram
from ostinato.baselines.note_markov import NoteMarkov, encode_contexts
from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.data.music.tunes import END, EVENTS, PITCHES
from ostinato.models.chord_heads import Sampler, target_mask
from ostinato.tasks.shared.ngram_network import NGramNetwork, ngram_to_tensors


class CountedMelody(nn.Module):
    """An n-gram of events: the language model that counts, its words the events, what stands before any tune the end of another.
    Its state is the last events [N, order - 1], -1 for none."""

    def __init__(self, tensors: Mapping[str, Tensor]):
        super().__init__()
        self.events = NGramNetwork(tensors, size=EVENTS, impossible=())

    def initial_state(self, rows: int) -> State:
        return self.events.initial_state(rows)

    def losses(self, batch: Batch, state: State = None) -> tuple[Tensor, State]:
        state = self.initial_state(len(batch)) if state is None else state
        return self.events.losses(events_before(batch.inputs), batch.targets, state)

    def read(self, inputs: Tensor, lengths: Tensor, state: State) -> State:
        kept = state.shape[1]
        rows = [
            torch.cat([row, events[:length]])
            for row, events, length in zip(state, events_before(inputs).cpu(), lengths, strict=True)
        ]
        return torch.stack([row[len(row) - kept :] for row in rows])

    def step(self, inputs: Tensor, state: State, draws: Sampler) -> tuple[Tensor, State]:
        spread, state = self.events.step(events_before(inputs), state)
        return draws.choose(spread, torch.arange(len(spread))), state


class CountedChords(nn.Module):
    """Each pitch on or off by itself, given what was on near it. Its state is the chord two steps before the next [N, P]."""

    def __init__(self, on: Tensor, seen: Tensor):
        """Of each context how often each pitch was on, and how often it could have been, [contexts, P] int."""
        super().__init__()
        self.register_buffer("on", on)
        self.register_buffer("seen", seen)

    @property
    def markov(self) -> NoteMarkov:
        return NoteMarkov(self.on.cpu().numpy(), self.seen.cpu().numpy())

    def initial_state(self, rows: int) -> State:
        return torch.zeros(rows, PITCHES, dtype=torch.bool)

    def spreads(self, before: Tensor, state: State) -> np.ndarray:
        """The chords before each step [N, T, P], and the one before those [N, P] -> p that each pitch is on [N, T, P]."""
        markov = self.markov
        found = []
        for row in torch.cat([state.unsqueeze(1), before], 1).numpy():
            which = encode_contexts(np.concatenate([row, np.zeros_like(row[:1])]))[2:]
            found.append(markov.p[which * (len(markov.p) > 1), np.arange(PITCHES)])
        return np.stack(found)

    def losses(self, batch: Batch, state: State = None) -> tuple[Tensor, State]:
        before, state = (
            chords_before(batch.inputs),
            self.initial_state(len(batch)) if state is None else state,
        )
        p, on = torch.from_numpy(self.spreads(before, state)), batch.targets.cpu() > 0
        losses = -torch.where(on, p, 1 - p).log().sum(-1) * target_mask(batch.targets).cpu()
        return losses.float().to(batch.inputs.device), before[:, -1]

    def read(self, inputs: Tensor, lengths: Tensor, state: State) -> State:
        before = torch.cat([state.unsqueeze(1), chords_before(inputs)], 1)
        return before[torch.arange(len(before)), lengths]

    def step(self, inputs: Tensor, state: State, draws: Sampler) -> tuple[Tensor, State]:
        before = chords_before(inputs).unsqueeze(1)
        logits = torch.from_numpy(self.spreads(before, state)[:, 0]).logit().to(inputs.device)
        return draws.flip(logits, torch.arange(len(logits))), before[:, 0]


def counted_tensors(model: NGram | NoteMarkov) -> dict[str, Tensor]:
    """What a model has counted, by the names of the buffers that hold it."""
    return (
        ngram_to_tensors(model)
        if isinstance(model, NGram)
        else {"on": torch.from_numpy(model.on), "seen": torch.from_numpy(model.seen)}
    )


def counted_network(tensors: Mapping[str, Tensor], *, chords: bool) -> nn.Module:
    return CountedChords(tensors["on"], tensors["seen"]) if chords else CountedMelody(tensors)


def events_before(inputs: Tensor) -> Tensor:
    """Features [..., D] -> the event before each step [...]; before the first the end of another tune."""
    events = inputs[..., :EVENTS]
    return torch.where(events.any(-1), events.argmax(-1), END)


def chords_before(inputs: Tensor) -> Tensor:
    """Features [..., D] -> what sounded before each step [..., P] bool, on the CPU."""
    return inputs[..., :PITCHES].cpu() > 0
