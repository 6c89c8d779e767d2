"""Adam at the cost of the rows that a batch reads, where an embedding table is large.

A row that a batch does not read has a gradient of zero, but Adam moves it all the same, by what its
first moment still holds. Here these steps are computed one by one as well, but later: when the row
is next read, or when the whole table is needed. A step then costs what the rows of its batch cost,
and the weights are those of `torch.optim.Adam` but for rounding.

    optimizer = LazyAdam(groups, tables=[model.words])
    ...                          # forward, backward, optimizer.step(), as with any other optimizer
    optimizer.synchronise()      # every row is up to date; the modules are without hooks

From a step to the next `synchronise()` some rows are out of date. For this time, and for this time
only, the optimizer has hooks on the modules of its tables: a forward pass in training first updates
the rows that it is about to read, a forward pass in evaluation, `state_dict()` and
`load_state_dict()` the whole table. Nothing else may read such a table (tied weights, say) before
`synchronise()`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ostinato.kernels import lazy_adam as kernel
from ostinato.layers.embedding import Embedding

LARGE_TABLE = 100_000  # elements from which on it is worth knowing which rows were read
REMEMBERED_STEPS = 4096  # whose learning rates are kept; then the whole table is brought up to date


def find_tables(model: nn.Module) -> list[Embedding]:
    """The embeddings of a model whose tables LazyAdam may train."""
    return [
        module
        for module in model.modules()
        if isinstance(module, Embedding) and _can_update_lazily(module)
    ]


def _can_update_lazily(module: Embedding) -> bool:
    large = module.weight.requires_grad and module.weight.numel() >= LARGE_TABLE
    allowed = module.lazy and not module.sparse and module.max_norm is None
    return allowed and large and kernel.usable(module.weight)


def synchronise(optimizer: torch.optim.Optimizer | None) -> None:
    """Brings all weights up to date, whatever the optimizer: before evaluating and saving."""
    if isinstance(optimizer, LazyAdam):
        optimizer.synchronise()


def close(optimizer: torch.optim.Optimizer | None) -> None:
    """Brings all weights up to date and leaves the modules as they were before training."""
    if isinstance(optimizer, LazyAdam):
        optimizer.close()


class LazyTable:
    """One table [V, D] under Adam (Kingma and Ba 2015), with the step that each row has reached.

    Args:
        module: whose weight is the table; its gradients are sparse from now on
        betas: decay rates of the first and the second moment
        epsilon: is added to the root of the second moment
    """

    def __init__(self, module: Embedding, *, betas: tuple[float, float], epsilon: float) -> None:
        self.module, self.betas, self.epsilon = module, betas, epsilon
        self.first_moment = torch.zeros_like(module.weight)
        self.second_moment = torch.zeros_like(module.weight)
        self.row_steps = torch.zeros(len(module.weight), dtype=torch.int64)  # [V]
        # for each remembered step: its bias-corrected learning rate, and the factor that corrects
        # the bias of the second moment's root
        self.rates = torch.empty(REMEMBERED_STEPS, 2)
        self.first_remembered, self.steps = 1, 0
        self.hooks: list[RemovableHandle] = []
        module.sparse = True

    def step(self, gradient: Tensor, rate: float) -> None:
        """One step of Adam for the rows in `gradient` [V, D], sparse or dense."""
        if self.steps + 1 - self.first_remembered >= REMEMBERED_STEPS:
            self.catch_up()
        self.steps += 1
        first, second = (1 - beta**self.steps for beta in self.betas)
        self.rates[self.steps - self.first_remembered] = torch.tensor(
            [rate / first, 1 / math.sqrt(second)]
        )
        if gradient.is_sparse:
            gradient = gradient.coalesce()
            self._run(gradient._indices()[0], gradient._values())
        else:
            self._run(None, gradient)
        self._add_hooks()

    def catch_up(self, ids: Tensor | None = None) -> None:
        """Takes the steps that these rows, or all, have missed."""
        if self.steps >= self.first_remembered:
            self._run(ids)
        if ids is None:
            self.first_remembered = self.steps + 1

    def synchronise(self) -> None:
        """Takes all steps that any row has missed, and removes the hooks."""
        self.catch_up()
        for hook in self.hooks:
            hook.remove()
        self.hooks.clear()

    def restore(self, steps: int, first_moment: Tensor, second_moment: Tensor) -> None:
        """Continues from a checkpoint, in which every row has reached step `steps`."""
        self.first_moment = first_moment.contiguous()
        self.second_moment = second_moment.contiguous()
        self.row_steps.fill_(steps)
        self.first_remembered, self.steps = steps + 1, steps

    def _run(self, ids: Tensor | None, gradient: Tensor | None = None) -> None:
        weight = self.module.weight
        table = weight.detach(), self.first_moment, self.second_moment, self.row_steps
        steps, settings = (self.first_remembered, self.steps), (*self.betas, self.epsilon)
        kernel.adam_rows(table, self.rates, steps, settings, index=ids, gradient=gradient)
        torch.autograd.graph.increment_version(weight)  # the kernel has changed it unseen by torch

    # Bound methods, not closures: a deep copy of the model has hooks on a copy of this table.

    def _add_hooks(self) -> None:
        if not self.hooks:
            self.hooks = [
                self.module.register_forward_pre_hook(self._before_forward),
                self.module.register_state_dict_pre_hook(self._before_whole_table),
                self.module.register_load_state_dict_pre_hook(self._before_whole_table),
            ]

    def _before_forward(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.catch_up(inputs[0] if module.training else None)

    def _before_whole_table(self, *_: object) -> None:
        self.catch_up()


class LazyAdam(torch.optim.Adam):
    """torch.optim.Adam, with the weights of some embeddings updated lazily.

    Its state is that of torch's Adam, and so are checkpoints of it.

    Args:
        parameters: parameters or groups of them, the weights of `tables` included
        tables: embeddings that `find_tables` found
        betas: decay rates of the first and the second moment
        eps: is added to the root of the second moment
        settings: as for torch.optim.Adam
    """

    checkpoint_name = "Adam"

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        tables: Sequence[Embedding] = (),
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **settings: Any,
    ) -> None:
        super().__init__(parameters, betas=betas, eps=eps, **settings)
        self.tables: dict[Tensor, LazyTable] = {
            module.weight: LazyTable(module, betas=betas, epsilon=eps) for module in tables
        }

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closure is called
        lazy = {weight: weight.grad for weight in self.tables if weight.grad is not None}
        for weight in lazy:
            weight.grad = None  # torch's own step leaves these out
        super().step()
        rates = {
            weight: group["lr"]
            for group in self.param_groups
            for weight in group["params"]
            if weight in lazy
        }
        for weight, gradient in lazy.items():
            weight.grad = gradient
            table = self.tables[weight]
            table.step(gradient, float(rates[weight]))
            self._share_state(weight, table)

    def synchronise(self) -> None:
        """Brings every row up to date and removes the hooks: before evaluating or saving."""
        for table in self.tables.values():
            table.synchronise()

    def close(self) -> None:
        """Ends lazy updates: the modules are as they were before, with dense gradients."""
        self.synchronise()
        for table in self.tables.values():
            table.module.sparse = False

    def state_dict(self) -> dict[str, Any]:
        self.synchronise()
        return super().state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.synchronise()
        super().load_state_dict(state)
        for weight, table in self.tables.items():
            loaded = self.state[weight]
            if loaded:
                table.restore(int(loaded["step"]), loaded["exp_avg"], loaded["exp_avg_sq"])
                loaded.update(exp_avg=table.first_moment, exp_avg_sq=table.second_moment)

    def _share_state(self, weight: Tensor, table: LazyTable) -> None:
        """Shows the table's state as torch's Adam would: what a checkpoint holds."""
        state = self.state[weight]
        if not state:
            state.update(
                step=torch.tensor(0.0),
                exp_avg=table.first_moment,
                exp_avg_sq=table.second_moment,
            )
        state["step"].fill_(table.steps)
