"""A Markov model of chords: each pitch on or off given its neighbourhood in the last two steps.

    p(on | context, pitch) =
        (on(context, pitch) + k p(on | context)) / (seen(context, pitch) + k)

The context is whether the pitch itself was on at the last step and at the one before, and whether
the pitches one or two semitones above and below were on at the last. Counts of one pitch are
smoothed by those of all pitches (k = 5). The unigram model has no context.

T steps, P pitches.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

NEIGHBOURS = (-2, -1, 1, 2)
CONTEXTS = 2 ** (2 + len(NEIGHBOURS))
PRIOR = 5.0  # k


class NoteMarkov:
    """NoteMarkov.fit([chords [T, P] bool, ...]).log_probability(chords) -> log p of the piece"""

    def __init__(self, on: np.ndarray, seen: np.ndarray):
        """Counts [contexts, P] of steps with the pitch on, and of all; unigrams: one context."""
        self.on, self.seen = np.asarray(on, np.int64), np.asarray(seen, np.int64)
        of_context = (self.on.sum(1) + 0.5) / (self.seen.sum(1) + 1)
        self.p = (self.on + PRIOR * of_context[:, None]) / (self.seen + PRIOR)

    @classmethod
    def fit(cls, pieces: Iterable[np.ndarray], *, unigram: bool = False) -> NoteMarkov:
        """Counts pieces [T, P] bool; `unigram` ignores the context."""
        on: Any = 0
        seen: Any = 0
        number = 1 if unigram else CONTEXTS
        for chords in pieces:
            cells = encode_contexts(chords) * (not unigram) * chords.shape[1] + np.arange(
                chords.shape[1]
            )
            shape = number * chords.shape[1]
            seen = seen + np.bincount(cells.ravel(), minlength=shape).reshape(number, -1)
            on = on + np.bincount(cells[chords], minlength=shape).reshape(number, -1)
        return cls(on, seen)

    def log_probability(self, chords: np.ndarray) -> float:
        """log p of a piece [T, P] bool."""
        p = self.p[encode_contexts(chords) * (len(self.p) > 1), np.arange(chords.shape[1])]
        return float(np.log(np.where(chords, p, 1 - p)).sum())

    def to_dict(self) -> dict:
        """Contents for JSON, read by from_dict."""
        return {"on": self.on.tolist(), "seen": self.seen.tolist()}

    @classmethod
    def from_dict(cls, content: dict) -> NoteMarkov:
        """The model from to_dict's contents."""
        return cls(np.array(content["on"]), np.array(content["seen"]))


def encode_contexts(chords: np.ndarray) -> np.ndarray:
    """The index of each pitch's context at each step, [T, P] bool -> [T, P] int."""
    steps, pitches = chords.shape
    before = np.zeros((steps + 2, pitches + 4), np.int64)
    before[2:, 2:-2] = chords
    last, earlier = before[1:-1], before[:-2]
    bits = [
        last[:, 2 : 2 + pitches],
        earlier[:, 2 : 2 + pitches],
        *(last[:, 2 + near : 2 + near + pitches] for near in NEIGHBOURS),
    ]
    return np.stack([bit << place for place, bit in enumerate(bits)]).sum(0)
