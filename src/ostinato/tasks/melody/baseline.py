"""What music models are measured against: a Markov model over steps, and beside it the pitches' frequencies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ostinato.baselines.ngram import Level, NGram
from ostinato.baselines.note_markov import NoteMarkov
from ostinato.data.music.tunes import END, EVENTS, Tune, chords_of, events_of
from ostinato.metrics import METRICS
from ostinato.tasks.legacy import Baseline, Counts

ORDERS = (2, 3, 4, 5, 6, 8)
JUDGED = 10  # each tenth tune judges which order is the best one


class TuneBaseline(Baseline):
    """Of a single voice an n-gram model of events (interpolated Kneser-Ney, of the order that does best on a tenth held back); of
    chords, each pitch given what was on near it. `prepared` makes a tune what the network is given of it."""

    def __init__(
        self,
        model: NGram | NoteMarkov,
        prepared: Callable[[Tune], Tune],
        simplest: NGram | NoteMarkov | None = None,
    ):
        self.model, self.prepared, self.simplest = model, prepared, simplest

    @property
    def name(self) -> str:
        if isinstance(self.model, NGram):
            return (
                f"Markov model of order {self.model.order - 1}"
                if self.model.order > 1
                else "frequencies of notes"
            )
        return "Markov model of each pitch" if len(self.model.p) > 1 else "frequencies of pitches"

    @property
    def simpler(self) -> Sequence[Baseline]:
        return () if self.simplest is None else (TuneBaseline(self.simplest, self.prepared),)

    @classmethod
    def fit(
        cls, records: Sequence[Tune], prepared: Callable[[Tune], Tune], *, chords: bool
    ) -> TuneBaseline:
        tunes = [prepared(record) for record in records]
        if chords:
            rolls = [chords_of(tune) for tune in tunes]
            return cls(NoteMarkov.fit(rolls), prepared, NoteMarkov.fit(rolls, unigram=True))
        texts = [sequence(tune) for tune in tunes]
        order = ORDERS[1]
        if len(texts) >= 2 * JUDGED:
            rest = [text for place, text in enumerate(texts) if place % JUDGED]
            order = max(
                ORDERS,
                key=lambda each: sum(
                    log_probability(counted(rest, each), text) for text in texts[::JUDGED]
                ),
            )
        return cls(counted(texts, order), prepared, counted(texts, 1))

    def measure(self, records: Sequence[Tune]) -> dict[str, list[Counts]]:
        found = []
        for tune in map(self.prepared, records):
            if isinstance(self.model, NGram):
                found.append((log_probability(self.model, sequence(tune)), tune.steps + 1))
            else:
                found.append((self.model.log_probability(chords_of(tune)), tune.steps))
        return {
            name: [METRICS[name].count(*each) for each in found]
            for name in ("perplexity", "nll_per_step")
        }

    def state(self) -> dict[str, Any]:
        return {
            "model": as_dict(self.model),
            "simplest": None if self.simplest is None else as_dict(self.simplest),
        }

    @classmethod
    def restore(cls, state: dict[str, Any], prepared: Callable[[Tune], Tune]) -> TuneBaseline:
        return cls(
            from_dict(state["model"]),
            prepared,
            None if state["simplest"] is None else from_dict(state["simplest"]),
        )


def sequence(tune: Tune) -> np.ndarray:
    return np.append(events_of(tune), END)


def counted(texts: Sequence[np.ndarray], order: int) -> NGram:
    return NGram.fit(np.concatenate(texts), order=order, size=EVENTS, first=END, boundary=END)


def log_probability(model: NGram, text: np.ndarray) -> float:
    return float(model.log_probabilities(np.array([END]), text).sum())


def as_dict(model: NGram | NoteMarkov) -> dict[str, Any]:
    return (
        model.to_dict()
        if isinstance(model, NoteMarkov)
        else {"levels": [[part.tolist() for part in level] for level in model.levels]}
    )


def from_dict(content: dict[str, Any]) -> NGram | NoteMarkov:
    if "levels" not in content:
        return NoteMarkov.from_dict(content)
    return NGram([Level(*map(np.array, level)) for level in content["levels"]], size=EVENTS)
