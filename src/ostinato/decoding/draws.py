"""Drawing where what is drawn at a step is made of several draws: each row has random numbers of its own, so that what it gets
does not depend on its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from ostinato.decoding.sample import draw, refuse_bad


class Draws:
    """Draws([7, 8], temperature=0.9).choose(logits of 2 rows, tensor([0, 1])); temperature, top_k and top_p as in sample()."""

    def __init__(
        self, seeds: Sequence[int], *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
    ):
        refuse_bad(temperature, top_k, top_p)
        self.generators = [Generator().manual_seed(seed) for seed in seeds]
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p

    @property
    def greedy(self) -> bool:
        return self.temperature == 0 or self.top_p == 0

    def chances(self, rows: Tensor, shape: tuple[int, ...], device: torch.device) -> Tensor:
        """The next random numbers of each of these rows, [n, *shape] in [0, 1)."""
        drawn = [
            torch.rand(shape, dtype=torch.float64, generator=self.generators[row])
            for row in rows.tolist()
        ]
        return torch.stack(drawn).to(device)

    def choose(self, logits: Tensor, rows: Tensor) -> Tensor:
        """One of V for each row: logits [n, V] of rows [n] -> [n]"""
        if self.greedy:
            return logits.argmax(-1)
        return draw(
            logits.double() / self.temperature,
            self.chances(rows, (), logits.device),
            top_k=self.top_k,
            top_p=self.top_p,
        )

    def flip(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Each of P on or off by itself, [n, P] bool. With top_k at most the k likeliest are on; with top_p none that is less likely
        than what it leaves out: at 0.9, less than 0.1."""
        if self.greedy:
            return logits > 0
        on = (
            self.chances(rows, (logits.shape[1],), logits.device)
            < (logits.double() / self.temperature).sigmoid()
        )
        if self.top_k and self.top_k < logits.shape[1]:
            on &= logits >= logits.topk(self.top_k, dim=-1).values[:, -1:]
        return on & (logits.sigmoid() >= 1 - self.top_p) if self.top_p < 1 else on


def seed_of(seed: int, row: int) -> int:
    """A seed of its own for each row; row 0 has the seed itself."""
    return (seed + row * 0x9E3779B97F4A7C15) % 2**63
