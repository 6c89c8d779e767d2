"""Samples the steps of several tunes in parallel, and writes them as ABC at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.cells.state import State
from ostinato.data.batching.batch import pad
from ostinato.data.music.abc_text import AbcWriter
from ostinato.data.music.tunes import (
    END,
    HOLD,
    PITCHES,
    REST,
    Note,
    notes_of_chords,
    notes_of_events,
)
from ostinato.decoding.sampler import RowSampler
from ostinato.tasks.melody.features import StepFeatures
from ostinato.tasks.shared.inference import device_of


@dataclass(frozen=True)
class Beginning:
    """The tune that one row of the batch continues.

    Args:
        features: Encodes the steps.
        label, metre: The label and the metre of the tune.
        played: The steps so far, events [T] or chords [T, P]; T may be 0.
        sounding: The pitches that sound at the last of them, which a hold continues.
        length: Maximum number of steps to sample.
        writer: Writes the sampled steps.
        shift: Semitones from the network's key to the writer's.
    """

    features: StepFeatures
    label: str
    metre: str
    played: np.ndarray
    sounding: frozenset[int]
    length: int
    writer: AbcWriter
    shift: int

    def encode(self) -> Tensor:
        """Encodes the steps so far and the first step to sample, [T + 1, D]."""
        steps = np.arange(len(self.played) + 1)
        return self.features.encode(self.played, self.label, self.metre, steps)

    def encode_after(self, sampled: np.ndarray, number: int) -> Tensor:
        """Encodes the step after the `number`-th sampled one, [1] or [1, P], as features [1, D]."""
        step = np.array([len(self.played) + number])
        return self.features.encode(sampled, self.label, self.metre, step)

    def write(self, sounding: frozenset[int], struck: frozenset[int]) -> str:
        """Writes a sampled step; returns the ABC text that is complete."""
        return self.writer.add(
            {pitch + self.shift for pitch in sounding}, {pitch + self.shift for pitch in struck}
        )


class NewPart(NamedTuple):
    """The new text of a row and, when the row is complete, all its sampled steps."""

    row: int
    text: str
    played: np.ndarray | None = None


@torch.inference_mode()
def improvise(
    network: Any, beginnings: Sequence[Beginning], sampler: RowSampler
) -> Iterator[NewPart]:
    """Samples steps in every row, up to its length or the end of the tune.

    Args:
        network: A `models.music.Music` or another with its interface.
        beginnings: The tune that each row continues.
        sampler: A sampler with a random generator for each row.
    """
    device = device_of(network)
    inputs, state = read_beginnings(network, beginnings)
    played: list[list[np.ndarray]] = [[] for _ in beginnings]
    sounding = [each.sounding for each in beginnings]
    unfinished = {row for row, each in enumerate(beginnings) if each.length}
    for row in sorted(set(range(len(beginnings))) - unfinished):
        yield NewPart(row, "", np.zeros(0, np.int64))
    for number in count(1):
        if not unfinished:
            return
        drawn, state = network.step(inputs, state, sampler)
        sampled = drawn.cpu().numpy()  # [N] or [N, P]
        for row in sorted(unfinished):
            own, ended, text = beginnings[row], is_end(sampled[row]), ""
            if not ended:
                sounding[row], struck = interpret_step(sampled[row], sounding[row])
                text = own.write(sounding[row], struck)
                played[row].append(sampled[row])
            if ended or len(played[row]) == own.length:
                unfinished.remove(row)
                text += own.writer.finish() if played[row] else ""
                yield NewPart(row, text, np.array(played[row]))
            elif text:
                yield NewPart(row, text)
        # sampling goes on for complete rows and is discarded, so that the batch keeps its shape
        features = [
            each.encode_after(sampled[row : row + 1], number) for row, each in enumerate(beginnings)
        ]
        inputs = torch.cat(features).to(device)  # [N, D]


def read_beginnings(network: Any, beginnings: Sequence[Beginning]) -> tuple[Tensor, State]:
    """Reads the beginnings; returns the features [N, D] of the first step to sample, and the
    state.
    """
    device = device_of(network)
    features = [each.encode() for each in beginnings]
    lengths = torch.tensor([len(each) - 1 for each in features])
    state = network.initial_state(len(features))
    if int(lengths.max()) > 0:
        inputs, _ = pad([each[:-1] for each in features], 0)
        state = network.read(inputs.to(device), lengths, state)
    return torch.stack([each[-1] for each in features]).to(device), state


def is_end(step: np.ndarray) -> bool:
    """Whether a sampled event is the end of the tune; chords have no end event."""
    return step.ndim == 0 and step == END


def interpret_step(
    step: np.ndarray, before: frozenset[int]
) -> tuple[frozenset[int], frozenset[int]]:
    """The pitches that sound at a step, and those that begin there.

    Args:
        step: An event, or a chord [P].
        before: The pitches that sounded at the step before.
    """
    if step.ndim:
        sounding = frozenset(np.flatnonzero(step).tolist())
        return sounding, sounding - before
    if step < PITCHES:
        return frozenset([int(step)]), frozenset([int(step)])
    return (before if step == HOLD else frozenset()), frozenset()


def notes_of(played: np.ndarray) -> tuple[Note, ...]:
    """The notes of events [T] or chords [T, P]."""
    if played.ndim == 2:
        return notes_of_chords(played)
    return notes_of_events(np.where(played == END, REST, played).tolist())
