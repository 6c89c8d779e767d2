"""Music models fitted by counting: a Markov model of the steps, and the frequencies of the notes.

They are the baselines in reports, and can be trained as models (`--model markov`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.baselines.ngram import Level, NGram
from ostinato.baselines.note_markov import NoteMarkov
from ostinato.data.music.tunes import END, EVENTS, Tune, chords_of, events_of
from ostinato.tasks.shared.ngram_network import ngram_to_tensors

ORDERS = (2, 3, 4, 5, 6, 8)
DEFAULT_ORDER = 3  # with too few tunes to choose the order
EVERY = 10  # every tenth tune is held out to choose the order

CountingModel = NGram | NoteMarkov  # for events; for chords


class CountingModels(NamedTuple):
    """The two models of a training set."""

    markov: CountingModel
    frequencies: CountingModel


def fit_counting_models(tunes: Sequence[Tune], *, chords: bool) -> CountingModels:
    """Fits the two models to tunes.

    For a single voice: an interpolated Kneser-Ney n-gram model of the events, and a unigram model.
    For chords: each pitch given its neighbourhood in the last two steps, and independent pitches.

    Args:
        tunes: The training set, in the key that the model learns.
        chords: Whether the steps are chords.
    """
    if chords:
        rolls = [chords_of(tune) for tune in tunes]
        return CountingModels(NoteMarkov.fit(rolls), NoteMarkov.fit(rolls, unigram=True))
    sequences = [encode_events(tune) for tune in tunes]
    return CountingModels(fit_ngram(sequences, choose_order(sequences)), fit_ngram(sequences, 1))


def choose_order(sequences: Sequence[np.ndarray]) -> int:
    """Chooses the order of the n-gram model that is best on a held-out tenth of the tunes."""
    if len(sequences) < 2 * EVERY:
        return DEFAULT_ORDER
    training = [each for position, each in enumerate(sequences) if position % EVERY]
    held_out = sequences[::EVERY]
    scores = {}
    for order in ORDERS:
        ngram = fit_ngram(training, order)
        scores[order] = sum(log_probability_of_events(ngram, each) for each in held_out)
    return max(ORDERS, key=scores.__getitem__)


def fit_ngram(sequences: Sequence[np.ndarray], order: int) -> NGram:
    """An n-gram model of event sequences [T], each of which ends with END."""
    return NGram.fit(np.concatenate(sequences), order=order, size=EVENTS, first=END, boundary=END)


def encode_events(tune: Tune) -> np.ndarray:
    """The events of a tune and its end [T + 1]."""
    return np.append(events_of(tune), END)


def log_probability_of_events(ngram: NGram, events: np.ndarray) -> float:
    """log p of the events of a whole tune [T + 1]."""
    return float(ngram.log_probabilities(np.array([END]), events).sum())


def score_tune(model: CountingModel, tune: Tune) -> tuple[float, int]:
    """log p of a tune, and the number of steps predicted; the end of a melody is one."""
    if isinstance(model, NGram):
        return log_probability_of_events(model, encode_events(tune)), tune.steps + 1
    return model.log_probability(chords_of(tune)), tune.steps


def describe_model(model: CountingModel) -> str:
    """The model's name in reports: "Markov model of order 2" """
    if isinstance(model, NGram):
        order = model.order - 1
        return f"Markov model of order {order}" if order else "frequencies of notes"
    return "Markov model of each pitch" if len(model.p) > 1 else "frequencies of pitches"


def model_tensors(model: CountingModel) -> dict[str, Tensor]:
    """The counts of a model as tensors, by the names of the buffers of its network."""
    if isinstance(model, NGram):
        return ngram_to_tensors(model)
    return {"on": torch.from_numpy(model.on), "seen": torch.from_numpy(model.seen)}


def model_to_dict(model: CountingModel) -> dict[str, Any]:
    """The counts of a model, as JSON values."""
    if isinstance(model, NoteMarkov):
        return model.to_dict()
    return {"levels": [[part.tolist() for part in level] for level in model.levels]}


def model_from_dict(content: dict[str, Any]) -> CountingModel:
    """The inverse of `model_to_dict`."""
    if "levels" not in content:
        return NoteMarkov.from_dict(content)
    return NGram([Level(*map(np.array, level)) for level in content["levels"]], size=EVENTS)
