"""Adam, at the cost of the rows that were read where a table is large."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ostinato.layers.embedding import Embedding
from ostinato.layers.rows import Rows


class Adam(torch.optim.Adam):
    """torch.optim.Adam, and the same weights, but for rounding, where `tables` are among the parameters.

    tables   embeddings whose gradients are to be sparse, and whose rows are brought up to date when they are next read"""

    def __init__(
        self,
        parameters: Iterable,
        *,
        tables: Sequence[Embedding] = (),
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **settings: Any,
    ):
        super().__init__(parameters, betas=betas, eps=eps, **settings)
        self.tables = {
            module.weight: module.go_by_rows(betas=betas, epsilon=eps) for module in tables
        }

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        given = {weight: weight.grad for weight in self.tables if weight.grad is not None}
        for weight in given:
            weight.grad = None  # not for torch's own step
        super().step()
        rates = {
            weight: group["lr"]
            for group in self.param_groups
            for weight in group["params"]
            if weight in given
        }
        for weight, gradient in given.items():
            weight.grad = gradient
            rows = self.tables[weight]
            rows.step(gradient, float(rates[weight]))
            self.remember(weight, rows)

    def remember(self, weight: Tensor, rows: Rows) -> None:
        """The state as torch's Adam has it: what a checkpoint holds."""
        state = self.state[weight]
        if not state:
            state.update(step=torch.tensor(0.0), exp_avg=rows.mean, exp_avg_sq=rows.square)
        state["step"].fill_(rows.now)

    def settle(self) -> None:
        """Brings every row to where the last step would have it: before anything is saved."""
        for rows in self.tables.values():
            rows.settle()

    def state_dict(self) -> dict[str, Any]:
        self.settle()
        return super().state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        for weight, rows in self.tables.items():
            if self.state[weight]:
                kept = self.state[weight]
                rows.go_on(int(kept["step"]), kept["exp_avg"], kept["exp_avg_sq"])
                kept.update(exp_avg=rows.mean, exp_avg_sq=rows.square)
