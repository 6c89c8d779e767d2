"""Chords without a network: each pitch on or off by itself, given what was on and near it one and two steps before.

    p(pitch on | context, pitch) = (on(context, pitch) + k p(on | context)) / (seen(context, pitch) + k)

The context: was the pitch itself on at the last step, and at the one before; were its neighbours, a semitone or two above and
below, at the last. Counts of one pitch are mixed with those of all (k = 5). The unigram knows the pitch alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

NEIGHBOURS = (-2, -1, 1, 2)
CONTEXTS = 2 ** (2 + len(NEIGHBOURS))
PRIOR = 5.0  # k


class NoteMarkov:
    """NoteMarkov.fit([chords [T, P] bool, ...]).log_probability(chords) -> log p of the whole piece"""

    def __init__(self, on: np.ndarray, seen: np.ndarray):
        """How often each pitch was on, and how often it could have been, in each context: [contexts, P]; one context: unigrams."""
        self.on, self.seen = np.asarray(on, np.int64), np.asarray(seen, np.int64)
        of_context = (self.on.sum(1) + 0.5) / (self.seen.sum(1) + 1)
        self.p = (self.on + PRIOR * of_context[:, None]) / (self.seen + PRIOR)

    @classmethod
    def fit(cls, pieces: Iterable[np.ndarray], *, unigram: bool = False) -> NoteMarkov:
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
        p = self.p[encode_contexts(chords) * (len(self.p) > 1), np.arange(chords.shape[1])]
        return float(np.log(np.where(chords, p, 1 - p)).sum())

    def to_dict(self) -> dict:
        """What from_dict reads, made of what JSON can hold."""
        return {"on": self.on.tolist(), "seen": self.seen.tolist()}

    @classmethod
    def from_dict(cls, content: dict) -> NoteMarkov:
        return cls(np.array(content["on"]), np.array(content["seen"]))


def encode_contexts(chords: np.ndarray) -> np.ndarray:
    """Which context each pitch has at each step, [T, P] bool -> [T, P] int."""
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
