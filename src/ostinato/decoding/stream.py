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
from ostinato.decoding.step import DrawingStep, StepFunction

AHEAD = 512  # random numbers drawn at a time


class Stream:
    """Draws the next tokens of each of N rows, given the logits [N, V] of the first and the state behind what was read.

    seeds                       one for each row, so that a row does not depend on those beside it
    temperature, top_k, top_p   as decoding.sample's
    forbidden                   tokens that are never drawn

    A `step` that is a DrawingStep draws by itself, many tokens a call: the same ones."""

    def __init__(
        self,
        step: StepFunction,
        logits: Tensor,
        state: State,
        *,
        seeds: Sequence[Sequence[int] | int],
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        forbidden: Sequence[int] = (),
    ):
        refuse_bad(temperature, top_k, top_p)
        self.step, self.logits, self.state = step, logits, state
        self.how = {
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "forbidden": list(forbidden),
        }
        self.greedy, self.draws = temperature < 1e-30 or top_p == 0, isinstance(step, DrawingStep)
        self.random = [np.random.default_rng(seed) for seed in seeds]
        self.chances = np.empty((0, len(self.random)))
        self.used, self.steps = 0, 0

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> list[int]:
        """The next token of each row."""
        return self.take(1)[0].tolist()

    @torch.inference_mode()
    def take(self, most: int) -> np.ndarray:
        """The next tokens of each row, [K, N]: at least one step, at most so many, as are made in one go."""
        if self.steps and self.draws:
            drawn, self.state = self.step.draw(
                self.tokens, self.state, self.chance(min(most, self.step.together)), **self.how
            )
            refuse_broken(drawn is None, self.steps)
        else:
            if self.steps:
                self.logits, self.state = self.step(self.tokens, self.state)
            drawn = self.choose(self.logits, self.chance(1)[0])[None]
        self.steps += len(drawn)
        self.tokens = torch.from_numpy(drawn[-1]).to(self.logits.device)
        return drawn

    def choose(self, logits: Tensor, chance: np.ndarray) -> np.ndarray:
        """One token for each row of logits [N, V]."""
        scores = logits.float().cpu().numpy().copy()
        scores[:, self.how["forbidden"]] = -np.inf
        best = scores.argmax(1)
        highest = scores[np.arange(len(scores)), best][:, None]
        refuse_broken(not np.isfinite(highest).all(), self.steps)
        if self.greedy:
            return best
        scores -= highest
        scores /= self.how["temperature"]
        top_k, top_p = self.how["top_k"], self.how["top_p"]
        if top_k or top_p < 1:
            return draw(
                torch.from_numpy(scores).double(),
                torch.from_numpy(chance),
                top_k=top_k,
                top_p=top_p,
            ).numpy()
        cumulative = np.exp(scores, out=scores).cumsum(1, dtype=np.float64)
        return np.array(
            [
                row.searchsorted(wanted * row[-1], side="right")
                for row, wanted in zip(cumulative, chance, strict=True)
            ]
        )

    def chance(self, most: int) -> np.ndarray:
        """Random numbers below 1 for at most so many steps, [K, N]; each row's from its own seed, whatever is asked for when."""
        if self.used == len(self.chances):
            self.chances, self.used = (
                np.stack([random.random(AHEAD) for random in self.random], 1),
                0,
            )
        first, self.used = self.used, min(self.used + most, len(self.chances))
        return self.chances[first : self.used]

    def keep(self, rows: Sequence[int]) -> None:
        """Goes on with these rows alone."""
        index = torch.tensor(list(rows), dtype=torch.int64)
        self.random, self.chances = [self.random[row] for row in rows], self.chances[:, list(rows)]
        self.tokens = self.tokens[index]
        self.logits, self.state = self.logits[index], select(self.state, index)
