"""Decoding of connectionist temporal classification (Graves et al. 2006): best path, prefix
beam, alignment.

T frames, C labels, of which number 0 is the blank. A path has a label or the blank at every frame;
it stands for the sequence that is left when repeats are merged and blanks removed."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self

import numpy as np

BLANK = 0
NEVER = -math.inf


class Span(NamedTuple):
    """Where a label is emitted: frames `start` to `end` (excluded), and its mean
    log-probability.
    """

    label: int
    start: int
    end: int
    log_probability: float


class LabelScorer(Protocol):
    """A language model that scores label sequences while they grow."""

    def start(self) -> Hashable:
        """The state before the first label."""
        ...

    def extend(self, state: Hashable, label: int) -> tuple[Hashable, float]:
        """The state after a label, and what it adds to log P; -inf for what may not follow."""
        ...

    def finish(self, state: Hashable) -> float:
        """What the end adds to log P."""
        ...


class CtcHypothesis(NamedTuple):
    """A label sequence with log P by CTC alone, and the score that it is ranked by."""

    labels: tuple[int, ...]
    log_probability: float
    score: float


def collapse(path: Sequence[int]) -> list[int]:
    """collapse([1, 1, 0, 1, 2, 2]) -> [1, 1, 2]: repeats merged, then blanks removed."""
    return [
        label
        for place, label in enumerate(path)
        if label != BLANK and (place == 0 or label != path[place - 1])
    ]


def least_frames(labels: Sequence[int]) -> int:
    """The frames that CTC needs for a sequence: one a label, and a blank between equal
    neighbours.
    """
    repeats = sum(a == b for a, b in zip(labels, labels[1:], strict=False))
    return len(labels) + repeats


def greedy(log_probabilities: np.ndarray) -> list[Span]:
    """The labels of the most probable path [T, C] with their frames (best path decoding)."""
    if not len(log_probabilities):
        return []
    path = log_probabilities.argmax(-1)  # [T]
    starts = np.flatnonzero(np.diff(path, prepend=-1))  # of runs of one label
    ends = np.append(starts[1:], len(path))
    scores = np.take_along_axis(log_probabilities, path[:, None], 1)[:, 0]
    means = np.add.reduceat(scores, starts) / (ends - starts)
    runs = zip(path[starts].tolist(), starts.tolist(), ends.tolist(), means.tolist(), strict=True)
    return [Span(*run) for run in runs if run[0] != BLANK]


@dataclass(eq=False)
class Prefix:
    """A label sequence, as its last label and what stands before it."""

    parent: Self | None
    label: int
    lm_state: Hashable
    lm_score: float
    length: int
    children: dict[int, Self] = field(default_factory=dict)

    @classmethod
    def root(cls, scorer: LabelScorer | None) -> Self:
        """The empty sequence."""
        return cls(None, BLANK, scorer.start() if scorer else None, 0.0, 0)

    def labels(self) -> tuple[int, ...]:
        found = []
        here: Prefix | None = self
        while here is not None and here.parent is not None:
            found.append(here.label)
            here = here.parent
        return tuple(reversed(found))

    def extended(self, label: int, scorer: LabelScorer | None) -> Self | None:
        """The prefix with one label more; None where the scorer forbids it."""
        child = self.children.get(label)
        if child is None:
            state, score = self.lm_state, 0.0
            if scorer is not None:
                state, score = scorer.extend(self.lm_state, label)
            child = type(self)(self, label, state, self.lm_score + score, self.length + 1)
            self.children[label] = child
        return None if child.lm_score == NEVER else child


class PrefixBeam:
    """Prefix beam search (Graves 2012; Hannun et al. 2014, algorithm 1), frame by frame.

    Each prefix holds the probability of all paths so far that stand for it, those that end with a
    blank and those that do not. With a scorer, prefixes are ranked by
    log P_ctc + weight log P_lm + bonus length.

    Args:
        width: Prefixes kept at each frame.
        scorer: A language model or grammar, or None.
        weight: Of its log-probability.
        bonus: Added for every label, against the preference for short sequences.
        least: Labels less probable than exp(least) at a frame are not tried there.
    """

    def __init__(
        self,
        width: int,
        *,
        scorer: LabelScorer | None = None,
        weight: float = 1.0,
        bonus: float = 0.0,
        least: float = NEVER,
    ):
        if width < 1:
            raise ValueError(f"width must be at least 1; got {width}")
        self.width, self.scorer, self.weight, self.bonus, self.least = (
            width,
            scorer,
            weight,
            bonus,
            least,
        )
        root = Prefix.root(scorer)
        # prefix -> (log P of paths that end with a blank, of those that end with its last label)
        self.beam: dict[Prefix, tuple[float, float]] = {root: (0.0, NEVER)}

    def advance(self, row: np.ndarray) -> None:
        """One frame: log-probabilities [C]."""
        found: dict[Prefix, tuple[float, float]] = {}
        values = row.tolist()
        labels = [n for n, value in enumerate(values) if n != BLANK and value > self.least]

        def add(prefix: Prefix, blank: float, other: float) -> None:
            before = found.get(prefix, (NEVER, NEVER))
            found[prefix] = (log_add(before[0], blank), log_add(before[1], other))

        for prefix, (blank, other) in self.beam.items():
            total = log_add(blank, other)
            repeated = other + values[prefix.label] if prefix.parent is not None else NEVER
            add(prefix, total + values[BLANK], repeated)
            for label in labels:
                child = prefix.extended(label, self.scorer)
                if child is not None:
                    # after the same label, only paths through a blank make a new one
                    base = blank if label == prefix.label and prefix.parent is not None else total
                    if base > NEVER:
                        add(child, NEVER, base + values[label])
        if len(found) > self.width:
            best = sorted(found, key=lambda prefix: -self.rank(prefix, found[prefix]))[: self.width]
            found = {prefix: found[prefix] for prefix in best}
        self.beam = found

    def rank(self, prefix: Prefix, found: tuple[float, float]) -> float:
        return log_add(*found) + self.weight * prefix.lm_score + self.bonus * prefix.length

    def hypotheses(self, number: int = 1) -> list[CtcHypothesis]:
        """The best label sequences so far, as if the recording ended here."""
        ranked = []
        for prefix, found in self.beam.items():
            end = self.weight * self.scorer.finish(prefix.lm_state) if self.scorer else 0.0
            ranked.append((self.rank(prefix, found) + end, log_add(*found), prefix))
        ranked.sort(key=lambda each: -each[0])
        return [
            CtcHypothesis(prefix.labels(), own, score)
            for score, own, prefix in ranked[:number]
            if score > NEVER
        ]


def prefix_beam(
    log_probabilities: np.ndarray,
    width: int,
    *,
    number: int = 1,
    scorer: LabelScorer | None = None,
    weight: float = 1.0,
    bonus: float = 0.0,
    least: float = NEVER,
) -> list[CtcHypothesis]:
    """The `number` best label sequences for log-probabilities [T, C]; see `PrefixBeam`."""
    beam = PrefixBeam(max(width, number), scorer=scorer, weight=weight, bonus=bonus, least=least)
    for row in log_probabilities:
        beam.advance(row)
    return beam.hypotheses(number)


def log_add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))"""
    if a == NEVER:
        return b
    if b == NEVER:
        return a
    return a + math.log1p(math.exp(b - a)) if a > b else b + math.log1p(math.exp(a - b))


def align(log_probabilities: np.ndarray, labels: Sequence[int]) -> list[Span]:
    """The frames of each label on the most probable path for a sequence (Viterbi alignment).

    Args:
        log_probabilities: [T, C].
        labels: [U], without blanks.

    Raises:
        ValueError: There are fewer frames than CTC needs for the labels.
    """
    frames = len(log_probabilities)
    if frames < least_frames(labels):
        raise ValueError(f"{len(labels)} labels need more than {frames} frames")
    if not len(labels):
        return []
    states = np.zeros(2 * len(labels) + 1, dtype=np.int64)  # blank, label, blank, label, ...
    states[1::2] = labels
    # a label may follow another one directly, unless they are equal
    skips = np.zeros(len(states), bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    emissions = log_probabilities[:, states]  # [T, 2U + 1]
    score = np.full(len(states), NEVER)
    score[:2] = emissions[0, :2]
    came = np.zeros((frames, len(states)), dtype=np.int8)  # how many states back
    for frame in range(1, frames):
        one = np.concatenate([[NEVER], score[:-1]])
        two = np.where(skips, np.concatenate([[NEVER, NEVER], score[:-2]]), NEVER)
        options = np.stack([score, one, two])  # [3, 2U + 1]
        came[frame] = options.argmax(0)
        score = options.max(0) + emissions[frame]
    state = len(states) - 1 if score[-1] >= score[-2] else len(states) - 2
    path = []
    for frame in range(frames - 1, -1, -1):
        path.append(state)
        state -= int(came[frame, state])
    path.reverse()
    spans = []
    for number, label in enumerate(labels):
        own = [frame for frame, state in enumerate(path) if state == 2 * number + 1]
        mean = float(log_probabilities[own, label].mean())
        spans.append(Span(int(label), own[0], own[-1] + 1, mean))
    return spans
