"""The features of each step of a tune: the previous step, the label, the position in the bar.

T steps, P pitches, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ostinato.data.music.tunes import EVENTS, PITCHES, Tune, steps_in_bar, to_c

PHRASE = 8  # bars of a phrase; the bar within the phrase is a feature


@dataclass(frozen=True)
class StepFeatures:
    """Encodes one-hot what is known before a step is predicted.

    Args:
        chords: Whether a step is a chord, a set of pitches; otherwise it is an event of one voice.
        labels: The labels that condition the model.
        bar_lengths: The bar lengths that get a feature, in steps.
        steps_per_quarter: The time grid, in steps per quarter note.
    """

    chords: bool
    labels: Sequence[str]
    bar_lengths: Sequence[int]
    steps_per_quarter: int

    @property
    def size(self) -> int:
        """The number of features, D."""
        previous = (PITCHES if self.chords else EVENTS) + 1
        label = (1 + len(self.labels)) * bool(self.labels)
        return previous + label + self.bar_size

    @property
    def bar_size(self) -> int:
        """The number of features of the position in the bar."""
        longest, known = max(self.bar_lengths, default=0), len(self.bar_lengths)
        return (longest + known + PHRASE) * bool(known)

    def nothing(self) -> np.ndarray:
        """An array of no steps: [0] or [0, P]."""
        return np.zeros((0, PITCHES) if self.chords else 0)

    def encode(self, played: np.ndarray, label: str, metre: str, steps: np.ndarray) -> Tensor:
        """Encodes consecutive steps.

        Args:
            played: The step before each: events [T] or chords [T, P]; or T - 1 of them if nothing
                is known before the first.
            label: The tune's label; an unknown one is encoded as no label.
            metre: The metre, such as "6/8".
            steps: The positions of the steps in the tune [T].

        Returns:
            The features [T, D].
        """
        size, missing = PITCHES if self.chords else EVENTS, len(steps) - len(played)
        previous = torch.zeros(len(steps), size + 1)
        if self.chords:
            previous[missing:, :size] = torch.from_numpy(played.astype(np.float32))
        else:
            rows = torch.arange(missing, len(steps))
            previous[rows, torch.from_numpy(played.astype(np.int64))] = 1
        previous[:, size] = torch.from_numpy(steps == 0)  # the first step of a tune
        kind = torch.zeros(len(steps), (1 + len(self.labels)) * bool(self.labels))
        if self.labels:
            kind[:, 1 + self.labels.index(label) if label in self.labels else 0] = 1
        return torch.cat([previous, kind, self.encode_bar_positions(metre, steps)], 1)

    def encode_bar_positions(self, metre: str, steps: np.ndarray) -> Tensor:
        """Encodes the step of the bar, the length of the bar, and the bar of the phrase.

        All are zero for a bar length without a feature.
        """
        longest, known = max(self.bar_lengths, default=0), len(self.bar_lengths)
        rows = torch.zeros(len(steps), self.bar_size)
        bar = steps_in_bar(metre, self.steps_per_quarter)
        if bar in self.bar_lengths:
            length = np.full(len(steps), longest + self.bar_lengths.index(bar))
            phrase = longest + known + steps // bar % PHRASE
            columns = np.stack([steps % bar, length, phrase], 1).astype(np.int64)  # [T, 3]
            rows.scatter_(1, torch.from_numpy(columns), 1.0)
        return rows


def transpose_to_c(tune: Tune) -> Tune:
    """Transposes a tune to C major or A minor; notes outside MIDI's range move by an octave."""
    semitones = to_c(tune)
    notes = tuple(
        note._replace(pitch=fold_into_range(note.pitch + semitones)) for note in tune.notes
    )
    return tune._replace(notes=notes, sharps=None if tune.sharps is None else 0)


def fold_into_range(pitch: int) -> int:
    """fold_into_range(-1) -> 11; fold_into_range(128) -> 116"""
    return pitch + 12 if pitch < 0 else pitch - 12 if pitch >= PITCHES else pitch
