"""A large table of which each step reads few rows: Adam at the cost of those rows, with the weights of Adam over all."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ostinato.kernels import lazy_adam as kernel

REMEMBERED = 4096  # steps whose rates are kept; then every row is brought up to date


class Rows:
    """The rows of a table [V, D] under Adam (Kingma and Ba 2015), each brought up to date when it is next read.

    A row that a batch does not read has a gradient of zero; Adam moves it all the same, by what its mean still holds. Here
    these steps are taken one by one as well, but later and all at once, so that a step costs what the rows that it reads
    cost. Whoever reads the table says so before: `settle(tokens)`, or `settle()` for all of it.

        rows = Rows(embedding.weight, betas=(0.9, 0.999), epsilon=1e-8)
        rows.settle(tokens)                       # before they are read
        rows.step(embedding.weight.grad, 0.001)   # the gradient, sparse or not, of the rows that were read"""

    def __init__(self, weight: Tensor, *, betas: tuple[float, float], epsilon: float):
        self.weight, self.betas, self.epsilon = weight, betas, epsilon
        self.mean, self.square = torch.zeros_like(weight), torch.zeros_like(weight)
        self.stands = torch.zeros(len(weight), dtype=torch.int64)
        self.rates = torch.empty(REMEMBERED, 2)
        self.first, self.now = 1, 0

    def go_on(self, step: int, mean: Tensor, square: Tensor) -> None:
        """From what a checkpoint holds: all rows stand at `step`."""
        self.mean, self.square = mean.contiguous(), square.contiguous()
        self.stands.fill_(step)
        self.first, self.now = step + 1, step

    def settle(self, tokens: Tensor | None = None) -> None:
        """Brings these rows up to date, or all."""
        if self.now >= self.first:
            self.run(tokens)
        if tokens is None:
            self.first = self.now + 1

    def step(self, gradient: Tensor, rate: float) -> None:
        if self.now + 1 - self.first >= REMEMBERED:
            self.settle()
        self.now += 1
        mean, square = (1 - beta**self.now for beta in self.betas)
        self.rates[self.now - self.first] = torch.tensor([rate / mean, 1 / math.sqrt(square)])
        if gradient.is_sparse:
            gradient = gradient.coalesce()
            self.run(gradient._indices()[0], gradient._values())
        else:
            self.run(None, gradient)

    def run(self, index: Tensor | None, gradient: Tensor | None = None) -> None:
        table = self.weight.detach(), self.mean, self.square, self.stands
        steps, settings = (self.first, self.now), (*self.betas, self.epsilon)
        kernel.adam_rows(table, self.rates, steps, settings, index=index, gradient=gradient)
        torch.autograd.graph.increment_version(self.weight)  # it was changed behind PyTorch's back
