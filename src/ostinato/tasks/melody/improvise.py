"""Tunes made step by step: features in, events or chords out, text as it becomes complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

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

Features = Callable[
    [np.ndarray], Tensor
]  # what was played, events [T] or chords [T, P] -> features [T, D]


class Made(NamedTuple):
    """What is new of a row: its text; once it is complete, everything played, the given part left out."""

    row: int
    text: str
    played: np.ndarray | None = None


@torch.inference_mode()
def improvise(
    network: nn.Module,
    given: Sequence[Tensor],
    features: Sequence[Features],
    draws: RowSampler,
    *,
    lengths: Sequence[int],
    writers: Sequence[AbcWriter],
    sounding: Sequence[frozenset[int]],
    shift: int = 0,
) -> Iterator[Made]:
    """Goes on from features [T, D] given of each row, so many steps each or to the end that the model finds.

    features   of each row: takes what was drawn to what is read at the next step
    sounding   of each row: what still sounds where the given part ends
    writers    of each row; they are told of pitches `shift` semitones higher"""
    device = next(network.parameters(), torch.zeros(())).device
    known = torch.tensor([len(one) - 1 for one in given])
    state = network.initial_state(len(given))
    if int(known.max()) > 0:
        state = network.read(pad([one[:-1] for one in given], 0)[0].to(device), known, state)
    inputs = torch.stack([one[-1] for one in given]).to(device)
    played: list[list] = [[] for _ in given]
    going = {row for row, length in enumerate(lengths) if length}
    before = list(sounding)
    for row in sorted(set(range(len(given))) - going):
        yield Made(row, "", np.zeros(0, np.int64))
    while going:
        drawn, state = network.step(inputs, state, draws)
        drawn = drawn.cpu().numpy()
        for row in sorted(going):
            ended = drawn.ndim == 1 and drawn[row] == END
            text = ""
            if not ended:
                now, struck = heard(drawn[row], before[row])
                text = writers[row].add(
                    {pitch + shift for pitch in now}, {pitch + shift for pitch in struck}
                )
                before[row] = now
                played[row].append(drawn[row])
            if ended or len(played[row]) == lengths[row]:
                going.remove(row)
                yield Made(
                    row,
                    text + (writers[row].finish() if played[row] else ""),
                    np.array(played[row]),
                )
            elif text:
                yield Made(row, text)
        inputs = torch.cat([each(drawn[row : row + 1]) for row, each in enumerate(features)]).to(
            device
        )


def heard(drawn: np.ndarray, before: frozenset[int]) -> tuple[frozenset[int], frozenset[int]]:
    """What sounds after an event, or of a chord [P], and what of it is struck anew."""
    if drawn.ndim:
        sounding = frozenset(np.flatnonzero(drawn).tolist())
        return sounding, sounding - before
    if drawn < PITCHES:
        return frozenset([int(drawn)]), frozenset([int(drawn)])
    return (before if drawn == HOLD else frozenset()), frozenset()


def notes_of(played: np.ndarray) -> tuple[Note, ...]:
    """Events [T] or chords [T, P] -> notes."""
    return (
        notes_of_chords(played)
        if played.ndim == 2
        else notes_of_events(np.where(played == END, REST, played).tolist())
    )
