"""Backpropagation through time, term by term, exact for any cell.

Letters: S_t is all of a layer's state after step t, S_0 its initial state; steps count from 1 to T
in the order in which the layer takes them (a backward direction begins with the last one). x is one
sequence [T, D]; use float64 for exactness.

    d = jacobian(recurrent, x, step=40, earlier=10)          # dh_40/dh_10, [H, H]
    terms = bptt_terms(recurrent, x, loss, step=40)          # a term of the sum over k for each k
    norms = gradient_norms(recurrent, x[None], loss)         # |dL/dh_t| for each t: do they vanish?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.cells.cell import Cell, advance
from ostinato.inspection.recorded_calls import check_steps, find_call, flatten_state, record_calls
from ostinato.layers.recurrent import Recurrent


def step_jacobians(
    recurrent: Recurrent, x: Tensor, *, layer: int = 0, direction: int = 0
) -> Tensor:
    """dS_t/dS_{t-1} for t = 1 to T: [T, S, S], where S is the width of all parts of the state.

    Args:
        recurrent: The layer.
        x: [T, D].
        layer: Which layer.
        direction: 0 forward, 1 backward.
    """
    cell, inputs, states = find_call(recurrent, x, layer, direction)
    sizes = list(cell.sizes)

    def one(projected: Tensor, state: Tensor) -> Tensor:
        return flatten_state(advance(cell, projected[None], state[None].split(sizes, dim=-1)))[0]

    with torch.no_grad():
        projected = cell.project(inputs[0])
    before = torch.cat([flatten_state(state) for state in states[:-1]])
    return torch.func.vmap(torch.func.jacrev(one, argnums=1))(projected, before).detach()


def whole_jacobian(jacobians: Tensor, step: int, earlier: int) -> Tensor:
    """dS_t/dS_k, the product of the steps' Jacobians [T, S, S] from k + 1 to t: [S, S]"""
    check_steps(step, earlier, len(jacobians))
    product = torch.eye(jacobians.shape[1], dtype=jacobians.dtype, device=jacobians.device)
    for jacobian in jacobians[earlier:step]:
        product = jacobian @ product
    return product


def select_block(jacobian: Tensor, cell: Cell, of: str, by: str) -> Tensor:
    """The rows of part `of` and the columns of part `by` of a Jacobian [S, S], by their names."""
    for name, part in [("of", of), ("by", by)]:
        if part not in cell.part_names:
            raise ValueError(f"{name} must be one of {', '.join(cell.part_names)}; got {part!r}")
    rows = jacobian.split(list(cell.sizes), dim=0)[cell.part_names.index(of)]
    return rows.split(list(cell.sizes), dim=1)[cell.part_names.index(by)]


def jacobian(
    recurrent: Recurrent,
    x: Tensor,
    *,
    step: int,
    earlier: int,
    of: str | None = None,
    by: str | None = None,
    layer: int = 0,
    direction: int = 0,
) -> Tensor:
    """dh_t/dh_k through the layer's own recurrence.

    Args:
        recurrent: The layer.
        x: [T, D].
        step: t.
        earlier: k.
        of: The part of the state at step t; default: the output.
        by: The part of the state at step k, whose other parts are held fixed; default: the output.
        layer: Which layer.
        direction: 0 forward, 1 backward.

    Returns:
        [size of `of`, size of `by`]
    """
    cell = recurrent.typed_cells[layer * recurrent.directions + direction]
    whole = whole_jacobian(
        step_jacobians(recurrent, x, layer=layer, direction=direction), step, earlier
    )
    return select_block(whole, cell, of or cell.part_names[0], by or cell.part_names[0])


def bptt_terms(
    recurrent: Recurrent,
    x: Tensor,
    loss: Callable[[Tensor], Tensor],
    *,
    step: int,
    layer: int = 0,
    direction: int = 0,
) -> dict[str, Tensor]:
    """The terms of dL_t/dW = sum over k <= t of dL_t/dh_t dh_t/dh_k dh_k/dW.

    dh_k/dW holds h_{k-1} fixed. The sum of all terms is this layer's gradient.

    Source: Werbos, 1990; Pascanu et al., 2013, equations 3 to 5.

    Args:
        recurrent: The layer.
        x: [T, D].
        loss: The output h_t [O] -> a scalar.
        step: t.
        layer: Which layer.
        direction: 0 forward, 1 backward.

    Returns:
        {parameter: [t, *its shape]}; term k is at index k - 1.
    """
    cell, inputs, states = find_call(recurrent, x, layer, direction)
    check_steps(step, 1, len(states) - 1)
    names, weights = zip(*((name, weight) for name, weight in cell.named_parameters()), strict=True)
    output = states[step][0][0].detach().requires_grad_()
    (of_output,) = torch.autograd.grad(loss(output), [output])
    zeros = [torch.zeros_like(part) for part in states[step][1:]]
    upstream: Sequence[Tensor] = [of_output[None], *zeros]
    terms = []
    for k in range(step, 0, -1):
        with torch.enable_grad():
            before = tuple(part.detach().requires_grad_() for part in states[k - 1])
            after = advance(cell, cell.project(inputs[:, k - 1]), before)
        found = torch.autograd.grad(
            after, [*before, *weights], upstream, allow_unused=True, materialize_grads=True
        )
        upstream = found[: len(before)]
        terms.append(found[len(before) :])
    terms.reverse()
    return {name: torch.stack([term[index] for term in terms]) for index, name in enumerate(names)}


def gradient_norms(
    recurrent: Recurrent, x: Tensor, loss: Callable[[Tensor], Tensor], lengths: Tensor | None = None
) -> list[dict[str, Tensor]]:
    """|dL/dh_t| of every row, layer, part of the state and step: do gradients vanish, or explode?

    Args:
        recurrent: The layer.
        x: [B, T, D].
        loss: The outputs [B, T, output_size] -> a scalar.
        lengths: [B], or None.

    Returns:
        For each layer and direction, in the order of the state: {part: [B, T]}, in the order in
        which the steps were taken.
    """
    with torch.enable_grad():
        x = (
            x.detach().requires_grad_()
        )  # so that there is a graph even where all weights are frozen
        outputs, seen = record_calls(recurrent, x, lengths)
        total = loss(outputs)
    wanted = [part for call in seen for state in call.states[1:] for part in state]
    found = iter(torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True))
    norms = []
    for cell, _, states in seen:
        steps_of_parts = [[next(found).norm(dim=-1) for _ in state] for state in states[1:]]
        columns = zip(*steps_of_parts, strict=True)
        norms.append(
            {
                name: torch.stack(part, dim=1)
                for name, part in zip(cell.part_names, columns, strict=True)
            }
        )
    return norms


class Growth(NamedTuple):
    """dh_T/dw of the scalar linear network, by its formula and by automatic differentiation."""

    formula: float
    exact: float


def scalar_growth(w: float, steps: int, first: float = 1.0) -> Growth:
    """h_t = w h_{t-1}: dh_T/dw = T w^(T-1) h_0 vanishes for |w| < 1 and explodes for |w| > 1.

    scalar_growth(2.0, 3) -> Growth(formula=12.0, exact=12.0)

    Args:
        w: The weight.
        steps: T.
        first: h_0.
    """
    weight = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    h = torch.tensor(first, dtype=torch.float64)
    for _ in range(steps):
        h = weight * h
    exact = float(torch.autograd.grad(h, weight)[0]) if steps else 0.0
    return Growth(steps * w ** (steps - 1) * first if steps else 0.0, exact)


class Memory(NamedTuple):
    """How much of c_k remains in c_t.

    Attributes:
        product: The product of the forget gates [H].
        exact: dc_t/dc_k [H, H].
    """

    product: Tensor
    exact: Tensor


def memory(
    recurrent: Recurrent, x: Tensor, *, step: int, earlier: int, layer: int = 0, direction: int = 0
) -> Memory:
    """dc_t/dc_k, and its approximation by the product of f_j over j = k + 1 to t.

    The approximation holds the gates fixed; the difference goes through h.

    Source: Hochreiter and Schmidhuber, 1997; Gers et al., 2000.

    Args:
        recurrent: The layer.
        x: [T, D].
        step: t.
        earlier: k.
        layer: Which layer.
        direction: 0 forward, 1 backward.

    Raises:
        ValueError: The layer has no forget gate and memory cell.
    """
    cell = recurrent.typed_cells[layer * recurrent.directions + direction]
    trace = recurrent.trace(x[None])
    if "forget" not in trace.names(layer) or "cell" not in cell.part_names:
        raise ValueError(
            f"recurrent must have a forget gate and a memory cell; {type(cell).__name__} has none"
        )
    forget = trace.get("forget", layer=layer, direction=direction)[0].detach()
    if direction:
        forget = forget.flip(0)
    exact = jacobian(
        recurrent,
        x,
        step=step,
        earlier=earlier,
        of="cell",
        by="cell",
        layer=layer,
        direction=direction,
    )
    return Memory(forget[earlier:step].prod(dim=0), exact)


def draw(norms: list[dict[str, Tensor]], path: str | Path, *, row: int = 0) -> None:
    """Plots `gradient_norms` of one row: a line for each layer and part, logarithmic, steps across.

    Args:
        norms: What `gradient_norms` returned.
        path: The image file.
        row: Which row of the batch.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for index, parts in enumerate(norms):
        for name, values in parts.items():
            values = values[row].detach().double().cpu()
            axes.plot(
                range(1, len(values) + 1),
                values.clamp(min=1e-300).numpy(),
                label=f"{index}: {name}",
            )
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("norm of the loss's gradient")
    axes.legend()
    figure.savefig(path)
