"""From the steps of a beam search back to whole hypotheses, by following backpointers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.decoding.inputs import impossible
from ostinato.decoding.step import Expansion, Hypothesis, penalty


class Endings(NamedTuple):
    """Where M hypotheses end, each attribute [M].

    Attributes:
        sentence: the index of the sentence.
        step: from 0.
        place: the index among the step's candidates.
        log_probability: of the whole hypothesis.
        finished: whether it ends in <eos>.
        score: by which hypotheses are ranked.
    """

    sentence: np.ndarray
    step: np.ndarray
    place: np.ndarray
    log_probability: np.ndarray
    finished: np.ndarray
    score: np.ndarray


def read_hypotheses(
    expansions: Sequence[Expansion],
    *,
    length_penalty: float,
    rows: int,
    eos: int | None,
    n_best: int,
) -> list[list[Hypothesis]]:
    """The n_best hypotheses of each sentence, finished ones first, then by their scores."""
    found = choose(find_endings(expansions, length_penalty, eos), n_best)
    tokens, watched = trace_back(expansions, found)
    answers: list[list[Hypothesis]] = [[] for _ in range(rows)]
    for place, sentence in enumerate(found.sentence.tolist()):
        finished = bool(found.finished[place])
        length = int(found.step[place]) + 1 - finished
        seen = None if watched is None else watched[place, :length]
        total = float(found.log_probability[place])
        answers[sentence].append(Hypothesis(tokens[place, :length].tolist(), total, finished, seen))
    return [
        answer or [without_steps(sentence, expansions)] for sentence, answer in enumerate(answers)
    ]


def find_endings(
    expansions: Sequence[Expansion], length_penalty: float, eos: int | None
) -> Endings:
    """All finished hypotheses, and all those alive when the search of their sentence stopped."""
    last = {
        sentence: step
        for step, expansion in enumerate(expansions)
        for sentence in expansion.sentences.tolist()
    }
    columns = []
    for step, expansion in enumerate(expansions):
        sentences, scores = (
            expansion.sentences.cpu().numpy(),
            expansion.log_probabilities.cpu().numpy(),
        )
        ended = expansion.tokens.cpu().numpy() == (-1 if eos is None else eos)
        halted = np.array([last[sentence] == step for sentence in sentences.tolist()])
        row, slot = np.nonzero((ended | halted[:, None]) & (scores > -np.inf))
        reached = scores[row, slot]
        columns.append(
            Endings(
                sentences[row],
                np.full(len(row), step),
                row * scores.shape[1] + slot,
                reached,
                ended[row, slot],
                reached / penalty(step + 1, length_penalty),
            )
        )
    nothing = Endings(*(np.zeros(0, dtype=kind) for kind in (int, int, int, float, bool, float)))
    return Endings(*(np.concatenate(parts) for parts in zip(nothing, *columns, strict=True)))


def choose(endings: Endings, n_best: int) -> Endings:
    """The n_best of each sentence, in order; of equal ones the earlier."""
    order = np.lexsort((-endings.score, ~endings.finished, endings.sentence))
    sentences = endings.sentence[order]
    order = order[np.arange(len(order)) - np.searchsorted(sentences, sentences) < n_best]
    return Endings(*(column[order] for column in endings))


def trace_back(expansions: Sequence[Expansion], found: Endings) -> tuple[np.ndarray, Tensor | None]:
    """The tokens [M, T] of M hypotheses, and what was watched [M, T, ...].

    Both are undefined beyond a hypothesis' end."""
    tokens = np.zeros((len(found.step), len(expansions)), dtype=np.int64)
    watched, place = None, found.place.copy()
    for step in reversed(range(len(expansions))):
        expansion, here = expansions[step], found.step >= step
        tokens[here, step] = expansion.tokens.flatten().cpu().numpy()[place[here]]
        if expansion.watched is not None:
            if watched is None:
                watched = expansion.watched.new_zeros((*tokens.shape, *expansion.watched.shape[1:]))
            watched[torch.from_numpy(here), step] = expansion.watched[torch.from_numpy(place[here])]
        place[here] = expansion.parents.flatten().cpu().numpy()[place[here]]
    return tokens, watched


def without_steps(sentence: int, expansions: Sequence[Expansion]) -> Hypothesis:
    """The empty hypothesis of a sentence whose maximum length is 0.

    ValueError for one of which the search has lost every hypothesis."""
    steps = sum(sentence in expansion.sentences.tolist() for expansion in expansions)
    if steps:
        raise impossible(sentence, steps)
    return Hypothesis([], 0.0, False)
