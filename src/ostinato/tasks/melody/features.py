"""What the network is told of each step of a tune: what was played before it, the kind of tune, and the place in the bar.

Letters: T steps, P pitches, D features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ostinato.data.music.tunes import EVENTS, PITCHES, Tune, steps_in_bar

if TYPE_CHECKING:
    from ostinato.tasks.melody.task import Melody

PHRASE = 8  # bars that are told apart: tunes are mostly made of so many


def features(task: Melody, played: np.ndarray, label: str, metre: str, steps: np.ndarray) -> Tensor:
    """What is known when each of these steps [T] is to be played: what was played at the one before, whether it is the first, the
    kind of tune, and the place in the bar.

    events [T] or chords [T, P]; or one fewer, where nothing (or another part) was before the first step -> [T, D]"""
    size, before = PITCHES if task.chords else EVENTS, len(steps) - len(played)
    rows = torch.zeros(len(steps), size + 1)
    if task.chords:
        rows[before:, :size] = torch.from_numpy(played.astype(np.float32))
    else:
        rows[torch.arange(before, len(steps)), torch.from_numpy(played.astype(np.int64))] = 1
    rows[:, size] = torch.from_numpy(steps == 0)
    kind = torch.zeros(len(steps), (1 + len(task.labels)) * bool(task.labels))
    if task.labels:
        kind[:, 1 + task.labels.index(label) if label in task.labels else 0] = 1
    return torch.cat([rows, kind, places(task, metre, steps)], 1)


def places(task: Melody, metre: str, steps: np.ndarray) -> Tensor:
    """Which metre it is, at which step of the bar, and in which of eight bars: a 1 for each; zeros in a metre never seen."""
    longest, known = max(task.bar_lengths, default=0), len(task.bar_lengths)
    rows = torch.zeros(len(steps), (longest + known + PHRASE) * bool(known))
    bar = steps_in_bar(metre, task.steps_per_quarter)
    if bar in task.bar_lengths:
        which, phrase = (
            np.full(len(steps), longest + task.bar_lengths.index(bar)),
            longest + known + steps // bar % PHRASE,
        )
        rows.scatter_(
            1, torch.from_numpy(np.stack([steps % bar, which, phrase], 1).astype(np.int64)), 1.0
        )
    return rows


@dataclass
class Following:
    """Takes what was played at `step` to the features of the next one, and counts on."""

    task: Melody
    label: str
    metre: str
    step: int

    def __call__(self, played: np.ndarray) -> Tensor:
        self.step += 1
        return features(self.task, played, self.label, self.metre, np.array([self.step]))


def moved(tune: Tune, semitones: int) -> Tune:
    """Transposed; notes that would leave the range stay in it by an octave."""
    notes = tuple(note._replace(pitch=within(note.pitch + semitones)) for note in tune.notes)
    return tune._replace(notes=notes, sharps=None if tune.sharps is None else 0)


def within(pitch: int) -> int:
    return pitch + 12 if pitch < 0 else pitch - 12 if pitch >= PITCHES else pitch


def most_frequent(values: Iterable[Any]) -> Any:
    return Counter(value for value in values).most_common(1)[0][0]
