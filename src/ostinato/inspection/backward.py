"""Gradients of a recorded loss through time, exact for any cell.

Letters: S_t all of a layer's state after step t; J_t = dS_t/dS_{t-1}; steps from 1 to T in the
order in which the layer takes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ostinato.cells.cell import Cell, advance
from ostinato.inspection.recording import LayerRun


@dataclass(frozen=True)
class StateGradients:
    """The loss's gradient with respect to the states of one row of a LayerRun.

    Attributes:
        total: dL/dS_t for t = 1 to T, a tensor [T, size] for each part of the state.
        direct: The same without what comes back through this layer's own recurrence, [T, S].
    """

    total: list[Tensor]
    direct: Tensor


def differentiate(loss: Tensor, runs: Sequence[LayerRun], row: int = 0) -> list[StateGradients]:
    """dL/dS_t of every run, in one backward pass; the graph is kept."""
    wanted: list[Tensor] = []
    for run in runs:
        wanted += [part for state in run.made for part in state]
        wanted += [*run.exits, *(part for last in run.last for part in last)]
    # the first state of a cell may not depend on any parameter or input
    asked = iter(
        torch.autograd.grad(
            loss,
            [each for each in wanted if each.requires_grad],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
    )
    found = (next(asked) if each.requires_grad else torch.zeros_like(each) for each in wanted)
    gradients = []
    for run in runs:
        steps, parts = run.length(row), len(run.cell.part_names)
        states = [[next(found)[row] for _ in range(parts)] for _ in run.made]
        exits = [next(found)[row] for _ in run.exits]
        ends = [[next(found)[row] for _ in last] for last in run.last]
        total = [torch.stack([state[part] for state in states[:steps]]) for part in range(parts)]
        direct = [torch.zeros_like(each) for each in total]
        direct[0] += torch.stack(exits[:steps])
        if len(ends) == 1:  # of joined calls every last state goes on into the next one
            for part, end in zip(direct, ends[0], strict=True):
                part[steps - 1] += end
        gradients.append(StateGradients(total, torch.cat(direct, dim=-1)))
    return gradients


def slice_row(run: LayerRun, row: int) -> tuple[Tensor, Tensor]:
    """The projected inputs [T, gates * H] of a row, and S_0 to S_T side by side [T + 1, S]."""
    steps = run.length(row)
    with torch.no_grad():
        projected = run.cell.project(run.x[row : row + 1, :steps])[0]
    states = [torch.cat([part[row] for part in state], -1) for state in run.states[: steps + 1]]
    return projected, torch.stack(states).detach()


def step_flat(cell: Cell, projected: Tensor, states: Tensor) -> Tensor:
    """A step of N rows whose states are given side by side: [N, S] -> [N, S]"""
    return torch.cat(list(advance(cell, projected, states.split(list(cell.sizes), -1))), -1)


def pull_back(cell: Cell, projected: Tensor, state: Tensor, rows: Tensor) -> Tensor:
    """Rows [R, S] times the Jacobian J_t [S, S] of one step, without the Jacobian itself.

    Why not the Jacobian: R vector products cost one matrix product, so that dh_t/dh_k of 256 units
    over 200 steps takes seconds, and no [S, S] matrix is kept.

    Args:
        cell: The cell.
        projected: Of the step's input, [gates * H].
        state: S_{t-1}, [S].
        rows: Cotangents [R, S].
    """
    before = state[None].detach().requires_grad_()
    with torch.enable_grad():
        after = step_flat(cell, projected[None], before)
    (found,) = torch.autograd.grad(after, before, rows[:, None], is_grads_batched=True)
    return found[:, 0]


def pull_to_part(run: LayerRun, row: int, k: int, part: int, rows: Tensor) -> Tensor:
    """Rows [R, O] times dh_k/dP_k, where P_k is another part of the same state: [R, size of P].

    An LSTM's h_k = o_k tanh(c_k) is made of c_k; the initial state's parts are given apart.
    """
    if k == 0 or not run.made[k - 1][0].requires_grad:
        return rows.new_zeros(len(rows), run.states[k][part].shape[-1])
    output, other = run.made[k - 1][0], run.made[k - 1][part]
    given = rows.new_zeros(len(rows), *output.shape)
    given[:, row] = rows
    (found,) = torch.autograd.grad(
        output,
        other,
        given,
        retain_graph=True,
        is_grads_batched=True,
        allow_unused=True,
    )
    # zeros by hand: materialize_grads makes them without the R rows
    return rows.new_zeros(len(rows), other.shape[-1]) if found is None else found[:, row]


def walk_back(
    run: LayerRun, row: int, step: int, parts: Sequence[int] = (0,)
) -> Iterator[tuple[int, Tensor]]:
    """(k, dP_t/dS_k) for k = t, t - 1, ..., 0, where P_t are the given parts of S_t.

    Args:
        run: The layer.
        row: Of the batch.
        step: t.
        parts: Numbers of parts of the state; 0 is the output.

    Yields:
        k and [sum of the parts' sizes, S].
    """
    projected, states = slice_row(run, row)
    whole = torch.eye(states.shape[1], dtype=states.dtype, device=states.device)
    blocks = whole.split(list(run.cell.sizes), dim=0)
    rows = torch.cat([blocks[part] for part in parts])
    yield step, rows
    for t in range(step, 0, -1):
        rows = pull_back(run.cell, projected[t - 1], states[t - 1], rows)
        yield t - 1, rows


def split_by_lag(
    run: LayerRun, direct: Tensor, row: int = 0, longest: int | None = None
) -> Iterator[dict[str, Tensor]]:
    """dL/dW of a cell's parameters by lag: what the loss at t owes to the weights' use at t - lag.

        dL/dW = sum over lags n of sum_t dL/dS_t (direct) J_t ... J_{t-n+1} dS_{t-n}/dW

    Each term is the part of the gradient that truncated backpropagation through fewer than n + 1
    steps leaves out. All t go through a lag together, as rows of one batch.

    Source: Werbos, 1990; Pascanu et al., 2013, equations 3 to 5.

    Args:
        run: The layer.
        direct: From `differentiate`, [T, S].
        row: Of the batch.
        longest: The last lag; default: T - 1.

    Yields:
        {parameter: its shape} for lag 0, 1, ...
    """
    steps, cell = run.length(row), run.cell
    _, states = slice_row(run, row)
    before = states[:-1].clone().requires_grad_()
    named = [(name, value) for name, value in cell.named_parameters() if value.requires_grad]
    with torch.enable_grad():
        after = step_flat(cell, cell.project(run.x[row, :steps].detach()), before)  # [T, S]
    rows = direct
    last = steps - 1 if longest is None else min(longest, steps - 1)
    for lag in range(last + 1):
        found = torch.autograd.grad(
            after,
            [before, *(value for _, value in named)],
            rows,
            retain_graph=lag < last,
            allow_unused=True,
            materialize_grads=True,
        )
        yield {name: value for (name, _), value in zip(named, found[1:], strict=True)}
        rows = torch.cat([found[0][1:], torch.zeros_like(found[0][:1])])  # J_t belongs to t - 1
