"""Decoding of the transducer (Graves 2012): greedy search, beam search, alignment.

T frames, U labels of a sequence, C labels, of which number 0 is the blank: it ends a frame. At a
frame any number of labels may be emitted before it; the search allows `MOST_LABELS`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ostinato.decoding.ctc import BLANK, NEVER, LabelScorer, Prefix, Span, log_add

MOST_LABELS = 10  # labels emitted at one frame


class TransducerStep(Protocol):
    """A transducer: what it makes of the labels so far, and of a frame together with that."""

    def predict(self, label: int, state: Any) -> tuple[Any, Any]:
        """The prediction after a label (the blank before the first), and the new state."""
        ...

    def join(self, frame: Any, predictions: Sequence[Any]) -> np.ndarray:
        """log p [N, C] at a frame after each of N predictions."""
        ...


class TransducerHypothesis(NamedTuple):
    """A label sequence.

    Attributes:
        labels: Its labels.
        log_probability: log P, summed over the alignments that the search kept.
        score: With a language model; what it is ranked by.
        spans: The frame of each label on the best alignment that was kept.
    """

    labels: tuple[int, ...]
    log_probability: float
    score: float
    spans: tuple[Span, ...]


@dataclass(eq=False)
class Emitted:
    """A label on a path, with its frame and log p, and what came before it."""

    parent: Emitted | None
    label: int
    frame: int
    log_probability: float


def list_spans(last: Emitted | None) -> tuple[Span, ...]:
    """The labels of a path, the first one first."""
    found = []
    while last is not None:
        found.append(Span(last.label, last.frame, last.frame + 1, last.log_probability))
        last = last.parent
    return tuple(reversed(found))


class GreedyTransducer:
    """At every node the most probable of the labels and the blank.

    Args:
        model: The transducer.
        most: The labels emitted at one frame, at most.
    """

    def __init__(self, model: TransducerStep, *, most: int = MOST_LABELS):
        self.model, self.most = model, most
        self.frames, self.total = 0, 0.0
        self.last: Emitted | None = None
        self.prediction, self.state = model.predict(BLANK, None)

    def advance(self, frame: Any) -> None:
        """Reads one frame."""
        for emitted in range(self.most + 1):
            row = self.model.join(frame, [self.prediction])[0]
            label = int(row.argmax()) if emitted < self.most else BLANK
            value = float(row[label])
            self.total += value
            if label == BLANK:
                break
            self.last = Emitted(self.last, label, self.frames, value)
            self.prediction, self.state = self.model.predict(label, self.state)
        self.frames += 1

    def hypotheses(self, number: int = 1) -> list[TransducerHypothesis]:
        """The labels so far; there is one hypothesis, whatever the number."""
        spans = list_spans(self.last)
        labels = tuple(span.label for span in spans)
        return [TransducerHypothesis(labels, self.total, self.total, spans)]


@dataclass(eq=False)
class PredictedPrefix(Prefix):
    """A label sequence with the prediction network's output and state after it, once computed."""

    prediction: Any = None
    state: Any = None


class Mass(NamedTuple):
    """The alignments of a prefix that the search kept.

    Attributes:
        total: log of the sum of their probabilities.
        best: log P of the best one.
        last: Its last label.
    """

    total: float
    best: float
    last: Emitted | None


NOTHING = Mass(NEVER, NEVER, None)


def add_mass(one: Mass, other: Mass) -> Mass:
    better = one if one.best >= other.best else other
    return Mass(log_add(one.total, other.total), better.best, better.last)


class TransducerBeam:
    """Time-synchronous beam search in which equal prefixes are merged (Saon et al. 2020, section
    3; Graves 2012, section 2.5, with as many labels at a frame as have a chance).

    A prefix's probability is the sum over the alignments kept. With a scorer, prefixes are ranked
    by log P + log P_lm. As wide as the space, the search is the sum over all alignments.

    Args:
        model: The transducer.
        width: Prefixes kept at each frame.
        scorer: A language model or grammar, or None.
        least: With a scorer, labels less probable than exp(least) at a node are not tried there.
        most: The labels emitted at one frame, at most.
    """

    def __init__(
        self,
        model: TransducerStep,
        width: int,
        *,
        scorer: LabelScorer | None = None,
        least: float = NEVER,
        most: int = MOST_LABELS,
    ):
        if width < 1:
            raise ValueError(f"width must be at least 1; got {width}")
        self.model, self.width, self.scorer = model, width, scorer
        self.least, self.most = least, most
        self.frames = 0
        root = PredictedPrefix.root(scorer)
        self.beam: dict[PredictedPrefix, Mass] = {root: Mass(0.0, 0.0, None)}

    def advance(self, frame: Any) -> None:
        """Reads one frame."""
        ended: dict[PredictedPrefix, Mass] = {}  # with the blank that ends the frame
        growing = self.beam
        for emitted in range(self.most + 1):
            rows = self.model.join(frame, [self.predict(prefix) for prefix in growing])
            for (prefix, mass), row in zip(growing.items(), rows.tolist(), strict=True):
                blank = Mass(mass.total + row[BLANK], mass.best + row[BLANK], mass.last)
                ended[prefix] = add_mass(ended.get(prefix, NOTHING), blank)
            if emitted == self.most:
                break
            growing = self.grow(growing, rows)
            if not growing or self.is_hopeless(growing, ended):
                break
        self.beam = self.keep(ended)
        self.frames += 1

    def predict(self, prefix: PredictedPrefix) -> Any:
        """The network's prediction after a prefix, which is computed once."""
        if prefix.prediction is None:
            before = None if prefix.parent is None else prefix.parent.state
            prefix.prediction, prefix.state = self.model.predict(prefix.label, before)
        return prefix.prediction

    def grow(
        self, growing: dict[PredictedPrefix, Mass], rows: np.ndarray
    ) -> dict[PredictedPrefix, Mass]:
        """The best prefixes with one label more, of log p [N, C]."""
        found: dict[PredictedPrefix, Mass] = {}
        for (prefix, mass), row in zip(growing.items(), rows, strict=True):
            for label in self.labels_to_try(row):
                child = prefix.extended(label, self.scorer)
                if child is not None:
                    value = float(row[label])
                    last = Emitted(mass.last, label, self.frames, value)
                    found[child] = Mass(mass.total + value, mass.best + value, last)
        return self.keep(found)

    def labels_to_try(self, row: np.ndarray) -> list[int]:
        """As many of the most probable labels as prefixes are kept, of log p [C]; with a scorer,
        which may want others, all that are probable enough.
        """
        if self.scorer is not None:
            return (np.flatnonzero(row[1:] > self.least) + 1).tolist()
        if self.width >= len(row) - 1:
            return list(range(1, len(row)))
        return (np.argpartition(-row[1:], self.width - 1)[: self.width] + 1).tolist()

    def is_hopeless(
        self, growing: dict[PredictedPrefix, Mass], ended: dict[PredictedPrefix, Mass]
    ) -> bool:
        """Whether no growing prefix can be among the best: what it adds is a log-probability."""
        if len(ended) < self.width:
            return False
        kept = sorted((self.rank(*each) for each in ended.items()), reverse=True)[self.width - 1]
        return max(self.rank(*each) for each in growing.items()) < kept

    def keep(self, found: dict[PredictedPrefix, Mass]) -> dict[PredictedPrefix, Mass]:
        if len(found) <= self.width:
            return found
        best = sorted(found, key=lambda prefix: -self.rank(prefix, found[prefix]))[: self.width]
        return {prefix: found[prefix] for prefix in best}

    @staticmethod
    def rank(prefix: PredictedPrefix, mass: Mass) -> float:
        return mass.total + prefix.lm_score

    def hypotheses(self, number: int = 1) -> list[TransducerHypothesis]:
        """The best label sequences so far, as if the recording ended here."""
        ranked = []
        for prefix, mass in self.beam.items():
            end = self.scorer.finish(prefix.lm_state) if self.scorer else 0.0
            ranked.append((self.rank(prefix, mass) + end, prefix, mass))
        ranked.sort(key=lambda each: -each[0])
        return [
            TransducerHypothesis(prefix.labels(), mass.total, score, list_spans(mass.last))
            for score, prefix, mass in ranked[:number]
            if score > NEVER
        ]


def align_transducer(blanks: np.ndarray, labels: np.ndarray) -> list[int]:
    """The frame of each label on the most probable alignment (Viterbi).

    Args:
        blanks: log p of the blank at every node [T, U + 1], T > 0.
        labels: log p of the target's next label at every node but the last of a row [T, U].

    Returns:
        A frame for each of the U labels, never decreasing.
    """
    frames, places = blanks.shape
    entered = np.zeros((frames, places), bool)  # whether the best path comes from u - 1
    entering = np.full(places, NEVER)  # from the frame before
    entering[0] = 0.0
    for frame in range(frames):
        # best(u) = max over v <= u of entering(v) + the labels between: a running maximum
        along = np.concatenate([[0.0], np.cumsum(labels[frame].astype(np.float64))])
        ahead = entering - along
        best = np.maximum.accumulate(ahead)
        entered[frame] = best > ahead
        entering = best + along + blanks[frame]
    found: list[int] = []
    frame, place = frames - 1, places - 1
    while place:
        if entered[frame, place]:
            place -= 1
            found.append(frame)
        else:
            frame -= 1
    return found[::-1]


def path_nodes(frames: int, emitted: Sequence[int]) -> tuple[list[int], list[int]]:
    """The nodes (frame, labels so far) of an alignment, of the frame of each label.

    path_nodes(2, [0, 0]) -> ([0, 0, 0, 1], [0, 1, 2, 2])
    """
    times, places, place = list[int](), list[int](), 0
    for frame in range(frames):
        while place < len(emitted) and emitted[place] == frame:
            times.append(frame)
            places.append(place)
            place += 1
        times.append(frame)
        places.append(place)
    return times, places
