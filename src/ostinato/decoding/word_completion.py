"""The likeliest next words where a word is several tokens: a small beam that ends at the end of a word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.cells.state import State, select
from ostinato.decoding.step import StepFunction


class Pieces(NamedTuple):
    """What each of V tokens is to a word.

    texts    [V] what it adds to the word
    starts   [V] whether a word can begin with it
    inside   [V] whether a word can go on with it
    ends     [V] whether it says that the word before it is over; with nothing `inside`, every word is one token
    """

    texts: Sequence[str]
    starts: np.ndarray
    inside: np.ndarray
    ends: np.ndarray


def likely_words(
    step: StepFunction,
    logits: Tensor,
    state: State,
    pieces: Pieces,
    *,
    count: int,
    prefix: str = "",
    width: int = 0,
    longest: int = 30,
) -> list[tuple[str, float]]:
    """likely_words(model.step, logits [1, V], state, pieces, count=3, prefix="th") -> [("the", 0.41), ("this", 0.1), ("that", 0.08)]

    The probability of a word is that of its tokens, times that of its being over; words spelled in several ways have the sum
    of those found. `width` words (default: four times `count`, at least 16) are followed at a time, up to `longest` tokens."""
    width = width or max(16, 4 * count)
    words, texts, scores = {}, [""], np.zeros(1)
    for length in range(longest):
        allowed = pieces.starts if length == 0 else pieces.inside
        spread = logits.double().log_softmax(-1).cpu().numpy()
        if length and pieces.inside.any():
            finish(
                words, texts, scores + np.logaddexp.reduce(spread[:, pieces.ends], axis=1), prefix
            )
        total = np.where(allowed, spread + scores[:, None], -np.inf)
        for row, text in enumerate(texts):
            if len(text) < len(prefix):
                total[row, [not fits(text + piece, prefix) for piece in pieces.texts]] = -np.inf
        best = np.argsort(-total, axis=None, kind="stable")[:width]
        enough = sorted(words.values(), reverse=True)[:count]
        floor = np.log(enough[-1]) if len(enough) == count else -np.inf
        best = best[total.flat[best] > floor]  # a longer word can only be less likely
        if not len(best):
            break
        parents, tokens = np.divmod(best, total.shape[1])
        texts, scores = (
            [texts[row] + pieces.texts[token] for row, token in zip(parents, tokens, strict=True)],
            total.flat[best],
        )
        if not pieces.inside.any():
            finish(words, texts, scores, prefix)
            break
        device = logits.device
        logits, state = step(
            torch.from_numpy(tokens).to(device), select(state, torch.from_numpy(parents).to(device))
        )
    return sorted(words.items(), key=lambda item: (-item[1], item[0]))[:count]


def finish(words: dict[str, float], texts: Sequence[str], scores: np.ndarray, prefix: str) -> None:
    """Adds the words that are over."""
    for text, score in zip(texts, scores.tolist(), strict=True):
        if text.startswith(prefix):
            words[text] = words.get(text, 0.0) + float(np.exp(score))


def fits(text: str, prefix: str) -> bool:
    """fits("th", "the"), fits("then", "the") -> True; fits("to", "the") -> False"""
    return text.startswith(prefix) or prefix.startswith(text)
