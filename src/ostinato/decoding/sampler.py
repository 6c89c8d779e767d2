"""Sampling from logits with temperature, top-k and top-p.

`Sampler` turns logits and uniform random numbers into tokens. `RowSampler` adds a generator for
each row, for outputs of several parts such as chords. `TokenStream` steps a model without end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from ostinato.cells.state import State, select
from ostinato.decoding.inputs import refuse_broken
from ostinato.decoding.step import DrawingStep, StepFunction

AHEAD = 512  # random numbers drawn at a time for each row
COLDEST = 1e-30  # below this temperature sampling is greedy: logits divided by it could overflow


class Sampler:
    """Sampler(temperature=0.8).choose(logits [N, V], uniform [N]) -> tokens [N]

    Args:
        temperature: divides the logits: below 1 sharper, above 1 flatter, 0 greedy.
        top_k: draw among the k likeliest tokens only; 0 for all.
        top_p: draw among the fewest tokens that hold this share of the probability, the nucleus
            (Holtzman et al. 2020, section 3.1); 1 for all, 0 greedy.

    Raises:
        ValueError: a value is out of range.
    """

    def __init__(self, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0):
        if not 0 <= temperature < math.inf:
            raise ValueError(f"temperature must be 0 or more, and finite; got {temperature}")
        if top_k < 0:
            raise ValueError(f"top_k must be 0 (all tokens) or more; got {top_k}")
        if not 0 <= top_p <= 1:
            raise ValueError(f"top_p must be between 0 and 1; got {top_p}")
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is always chosen, without random numbers."""
        return self.temperature < COLDEST or self.top_p == 0

    def choose(self, logits: Tensor, uniform: Tensor) -> Tensor:
        """Draws a token [N] for each row of logits [N, V], given uniform numbers [N] in [0, 1)."""
        if self.greedy:
            return logits.argmax(-1)
        scores = logits.double() / self.temperature  # [N, V]
        return draw(scores, uniform, top_k=self.top_k, top_p=self.top_p)


class RowSampler:
    """RowSampler([7, 8], temperature=0.9).choose(logits of 2 rows, tensor([0, 1])) -> tokens [2]

    Each row has its own generator, so that its results do not depend on the batch.

    Args:
        seeds: one for each row.
        temperature, top_k, top_p: as in `Sampler`.
    """

    def __init__(
        self, seeds: Sequence[int], *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
    ):
        self.sampler = Sampler(temperature=temperature, top_k=top_k, top_p=top_p)
        self.generators = [Generator().manual_seed(seed) for seed in seeds]

    def draw_uniform(self, rows: Tensor, shape: tuple[int, ...], device: torch.device) -> Tensor:
        """The next random numbers of each of these rows, [n, *shape] in [0, 1)."""
        drawn = [
            torch.rand(shape, dtype=torch.float64, generator=self.generators[row])
            for row in rows.tolist()
        ]
        return torch.stack(drawn).to(device)

    def choose(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Draws one token [n] from the logits [n, V] of rows [n]."""
        if self.sampler.greedy:  # and no random number is used up
            return logits.argmax(-1)
        return self.sampler.choose(logits, self.draw_uniform(rows, (), logits.device))

    def flip(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Draws P independent binary outputs for each row: logits [n, P], rows [n] -> bool [n, P].

        With top_k at most the k likeliest are on. With top_p = 0.9 none is on whose probability is
        below 0.1."""
        how = self.sampler
        if how.greedy:
            return logits > 0
        probabilities = (logits.double() / how.temperature).sigmoid()  # [n, P]
        on = self.draw_uniform(rows, (logits.shape[1],), logits.device) < probabilities  # [n, P]
        if how.top_k and how.top_k < logits.shape[1]:
            on &= logits >= logits.topk(how.top_k, dim=-1).values[:, -1:]
        return on & (logits.sigmoid() >= 1 - how.top_p) if how.top_p < 1 else on


class TokenStream:
    """The next tokens of N rows, one step after another without end, in constant memory.

    stream = TokenStream(model.step, logits, state, seeds=[1, 2], temperature=0.8)
    tokens = next(stream)                # one for each of the two rows
    stream.keep([1])                     # row 0 has ended

    Args:
        step: a step function. A `DrawingStep` draws the same tokens itself, many in a call.
        logits: [N, V], of the first token.
        state: the state after the prompt.
        seeds: one for each row, so that a row does not depend on the batch.
        temperature, top_k, top_p: as in `Sampler`.
        forbidden: tokens that are never drawn.
    """

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
        self.sampler = Sampler(temperature=temperature, top_k=top_k, top_p=top_p)
        self.step, self.logits, self.state = step, logits, state
        self.forbidden = list(forbidden)
        self.generators = [np.random.default_rng(seed) for seed in seeds]
        self.tokens = torch.zeros(len(seeds), dtype=torch.int64, device=logits.device)  # none yet
        self.uniform = np.empty((0, len(seeds)))  # [AHEAD, N] random numbers, `used` of them used
        self.used, self.steps = 0, 0

    def __iter__(self) -> TokenStream:
        return self

    def __next__(self) -> list[int]:
        """The next token of each row."""
        return self.take(1)[0].tolist()

    @torch.inference_mode()
    def take(self, most: int) -> np.ndarray:
        """The next tokens of each row, [K, N]: at least one step, at most `most`, in one call."""
        if self.steps and isinstance(self.step, DrawingStep):
            drawn, self.state = self.step.draw(
                self.tokens,
                self.state,
                self.draw_uniform(min(most, self.step.together)),
                temperature=self.sampler.temperature,
                top_k=self.sampler.top_k,
                top_p=self.sampler.top_p,
                forbidden=self.forbidden,
            )
            refuse_broken(drawn is None, self.steps)
            assert drawn is not None
        else:
            if self.steps:
                self.logits, self.state = self.step(self.tokens, self.state)
            drawn = self.choose(self.logits, self.draw_uniform(1)[0])[None]
        self.steps += len(drawn)
        self.tokens = torch.from_numpy(drawn[-1]).to(self.logits.device)
        return drawn

    def choose(self, logits: Tensor, uniform: np.ndarray) -> np.ndarray:
        """Draws one token [N] for each row of logits [N, V]."""
        scores = logits.float().cpu().clone()  # [N, V]
        scores[:, self.forbidden] = -torch.inf
        refuse_broken(~scores.amax(1).isfinite().all(), self.steps)
        return self.sampler.choose(scores, torch.from_numpy(uniform)).numpy()

    def draw_uniform(self, most: int) -> np.ndarray:
        """Random numbers in [0, 1) for at most `most` steps, [K, N].

        Each row's come from its own generator in a fixed order, however many are asked for."""
        if self.used == len(self.uniform):
            self.uniform = np.stack([random.random(AHEAD) for random in self.generators], 1)
            self.used = 0
        first, self.used = self.used, min(self.used + most, len(self.uniform))
        return self.uniform[first : self.used]

    def keep(self, rows: Sequence[int]) -> None:
        """Continues with these rows only."""
        index = torch.tensor(list(rows), dtype=torch.int64)
        self.generators = [self.generators[row] for row in rows]
        self.uniform = self.uniform[:, list(rows)]
        self.tokens = self.tokens[index]
        self.logits, self.state = self.logits[index], select(self.state, index)


def seed_of(seed: int, row: int) -> int:
    """A seed of its own for each row; row 0 has the seed itself."""
    return (seed + row * 0x9E3779B97F4A7C15) % 2**63


def draw(scores: Tensor, uniform: Tensor, *, top_k: int, top_p: float) -> Tensor:
    """One token [N] for each row of unnormalised log-probabilities [N, V].

    `uniform` [N] are random numbers in [0, 1)."""
    if not top_k and top_p == 1:
        return invert(scores.softmax(-1), uniform)
    kept, tokens = scores.topk(min(top_k or scores.shape[1], scores.shape[1]), dim=-1)
    probabilities = kept.softmax(-1)
    # the token with which the share is reached still belongs to the nucleus
    outside = probabilities.cumsum(-1) - probabilities >= top_p
    outside[:, 0] = False
    return tokens.gather(
        1, invert(probabilities.masked_fill(outside, 0), uniform).unsqueeze(1)
    ).squeeze(1)


def invert(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """The inverse of the cumulative distribution: invert([[0.2, 0.8]], [0.1]) -> [0].

    Probability 0 is never drawn."""
    cumulative = probabilities.cumsum(-1)
    total = cumulative[:, -1:]
    found = torch.searchsorted(cumulative, uniform.unsqueeze(1) * total, right=True)
    # rounding may carry uniform * total up to the total itself
    last = (cumulative < total).sum(-1, keepdim=True)
    return torch.minimum(found, last).squeeze(1)
