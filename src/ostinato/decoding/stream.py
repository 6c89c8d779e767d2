"""Tokens one after another without end: what a text is made of as it is shown. Nothing grows with the number of steps.

    stream = Stream(model.step, logits, state, seeds=[1, 2], temperature=0.8)
    for _ in range(500):
        tokens = next(stream)                # one for each of the two rows
    stream.keep([1])                         # row 0 has ended"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ostinato.cells.state import State, select
from ostinato.decoding.rows import refuse_broken
from ostinato.decoding.sample import draw, refuse_bad
from ostinato.decoding.step import StepFunction

AHEAD = 512  # random numbers drawn at a time


class Stream:
    """Draws the next token of each of N rows, given the logits [N, V] of the first and the state behind what was read.

    seeds                       one for each row, so that a row does not depend on those beside it
    temperature, top_k, top_p   as decoding.sample's
    forbidden                   tokens that are never drawn"""

    def __init__(self, step: StepFunction, logits: Tensor, state: State, *, seeds: Sequence[Sequence[int] | int], temperature: float = 1.0,
                 top_k: int = 0, top_p: float = 1.0, forbidden: Sequence[int] = ()):  # fmt: skip
        refuse_bad(temperature, top_k, top_p)
        self.step, self.logits, self.state, self.forbidden = step, logits, state, list(forbidden)
        self.greedy, self.temperature, self.top_k, self.top_p = temperature == 0 or top_p == 0, temperature, top_k, top_p
        self.random = [np.random.default_rng(seed) for seed in seeds]
        self.chances = np.empty((len(self.random), 0))
        self.used, self.steps = 0, 0

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> list[int]:
        """The next token of each row."""
        with torch.inference_mode():
            if self.steps:
                self.logits, self.state = self.step(self.tokens, self.state)
            self.steps += 1
            chosen = self.choose(self.logits)
            self.tokens = torch.from_numpy(chosen).to(self.logits.device)
        return chosen.tolist()

    def choose(self, logits: Tensor) -> np.ndarray:
        scores = logits.float().cpu().numpy()
        if self.forbidden:
            scores[:, self.forbidden] = -np.inf
        best = scores.argmax(1)
        highest = scores[np.arange(len(scores)), best][:, None]
        refuse_broken(not np.isfinite(highest).all(), self.steps)
        if self.greedy:
            return best
        chance = self.chance()
        scores = scores - highest
        scores /= self.temperature
        if self.top_k or self.top_p < 1:
            return draw(torch.from_numpy(scores).double(), torch.from_numpy(chance), top_k=self.top_k, top_p=self.top_p).numpy()
        cumulative = np.exp(scores, out=scores).cumsum(1, dtype=np.float64)
        return np.array([row.searchsorted(wanted * row[-1], side="right") for row, wanted in zip(cumulative, chance, strict=True)])

    def chance(self) -> np.ndarray:
        """A random number below 1 for each row."""
        if self.used == self.chances.shape[1]:
            self.chances, self.used = np.stack([random.random(AHEAD) for random in self.random]), 0
        self.used += 1
        return self.chances[:, self.used - 1]

    def keep(self, rows: Sequence[int]) -> None:
        """Goes on with these rows alone."""
        index = torch.tensor(list(rows), dtype=torch.int64)
        self.random, self.chances = [self.random[row] for row in rows], self.chances[list(rows)]
        self.tokens = self.tokens[index]
        self.logits, self.state = self.logits[index], select(self.state, index)
