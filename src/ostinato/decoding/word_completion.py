"""Word completion: the likeliest next words, of several tokens each, by a small beam search."""

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

    Attributes:
        texts: [V] what it adds to the word.
        starts: [V] whether a word can begin with it.
        inside: [V] whether it can continue a word; if none can, every word is one token.
        ends: [V] whether it shows that the word before it is complete.
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
    """The likeliest next words and their probabilities.

    likely_words(model.step, logits, state, pieces, count=2, prefix="th")
    -> [("the", 0.41), ("this", 0.1)]

    The probability of a word is that of its tokens, times that of its end; a word with several
    tokenisations has the sum of those found.

    Args:
        step: the model's step function.
        logits: [1, V] of the next token.
        state: after the context.
        pieces: what each token is to a word.
        count: of words.
        prefix: with which they begin.
        width: of the beam; default: four times `count`, at least 16.
        longest: tokens of a word.
    """
    width = width or max(16, 4 * count)
    words: dict[str, float] = {}
    texts, scores = [""], np.zeros(1)
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
        best = select_best(total, words, width=width, count=count)
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


def select_best(
    total: np.ndarray, words: dict[str, float], *, width: int, count: int
) -> np.ndarray:
    """The indices of the best continuations that can still become one of the `count` best words.

    Args:
        total: [W, V] log-probabilities of the beam's words with each further token.
        words: the probabilities of the complete words.
        width: indices to return at most.
        count: of words.
    """
    best = np.argsort(-total, axis=None, kind="stable")[:width]
    enough = sorted(words.values(), reverse=True)[:count]
    floor = np.log(enough[-1]) if len(enough) == count else -np.inf
    return best[total.flat[best] > floor]  # a longer word can only be less likely


def finish(words: dict[str, float], texts: Sequence[str], scores: np.ndarray, prefix: str) -> None:
    """Adds the complete words."""
    for text, score in zip(texts, scores.tolist(), strict=True):
        if text.startswith(prefix):
            words[text] = words.get(text, 0.0) + float(np.exp(score))


def fits(text: str, prefix: str) -> bool:
    """fits("th", "the"), fits("then", "the") -> True; fits("to", "the") -> False"""
    return text.startswith(prefix) or prefix.startswith(text)
