"""Backpropagation through time under the microscope, exact for any cell.

Letters: S_t is all of a layer's state after step t, S_0 what it starts from; steps count from 1 to T in the order the
layer takes them (a backward direction takes the last one first). x is one sequence [T, D]; use float64 for exactness.

    d = jacobian(recurrent, x, step=40, earlier=10)          # dh_40/dh_10, [H, H]
    terms = bptt_terms(recurrent, x, loss, step=40)          # one term of the sum over k for each k
    norms = gradient_norms(recurrent, x[None], loss)         # |dL/dh_t| for each t: do they vanish?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.cells.cell import Cell, advance, steps
from ostinato.cells.state import State
from ostinato.layers.recurrent import Recurrent


class Call(NamedTuple):
    """How one layer and direction was run: on inputs x [B, T, D], through states S_0 to S_T."""

    cell: Cell
    x: Tensor
    states: list[State]


def calls(
    recurrent: Recurrent, x: Tensor, lengths: Tensor | None = None
) -> tuple[Tensor, list[Call]]:
    """(outputs, one Call for each layer and direction), by the reference, with the graph."""
    seen = []

    def watch(cell: Cell, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        states = [state, *steps(cell, x, state, lengths)]
        seen.append(Call(cell, x, states))
        return torch.stack([each[0] for each in states[1:]], dim=1), states[-1]

    outputs, _ = recurrent.run_layers(watch, x, lengths, None)
    return outputs, seen


def call_of(recurrent: Recurrent, x: Tensor, layer: int, direction: int) -> Call:
    """The one layer and direction that was asked for, without its graph. Raises ValueError if it cannot be had."""
    if x.dim() != 2 or not len(x):
        raise ValueError(f"x must be one sequence [T, D] of at least one step; got {list(x.shape)}")
    if not (0 <= layer < recurrent.layers and 0 <= direction < recurrent.directions):
        raise ValueError(
            f"layer must be below {recurrent.layers} and direction below {recurrent.directions}; "
            f"got {layer} and {direction}"
        )
    if recurrent.training and any(recurrent.regularisation["zoneout"]):
        raise ValueError(
            "recurrent must be in evaluation mode: with zoneout each training step is drawn anew"
        )
    with torch.no_grad():
        _, seen = calls(recurrent, x[None])
    return seen[layer * recurrent.directions + direction]


def check_steps(step: int, earlier: int, last: int) -> None:
    if not 0 <= earlier <= step <= last:
        raise ValueError(
            f"steps must be 0 <= earlier <= step <= {last}; got earlier={earlier}, step={step}"
        )


def flat(state: State) -> Tensor:
    return torch.cat(list(state), dim=-1)


def step_jacobians(
    recurrent: Recurrent, x: Tensor, *, layer: int = 0, direction: int = 0
) -> Tensor:
    """dS_t/dS_{t-1} for t = 1 to T: [T, S, S], where S is the width of all parts of the state together."""
    cell, inputs, states = call_of(recurrent, x, layer, direction)
    sizes = list(cell.sizes)

    def one(projected: Tensor, state: Tensor) -> Tensor:
        return flat(advance(cell, projected[None], state[None].split(sizes, dim=-1)))[0]

    with torch.no_grad():
        projected = cell.project(inputs[0])
    before = torch.cat([flat(state) for state in states[:-1]])
    return torch.func.vmap(torch.func.jacrev(one, argnums=1))(projected, before).detach()


def whole_jacobian(jacobians: Tensor, step: int, earlier: int) -> Tensor:
    """dS_t/dS_k, the product of the steps' Jacobians from k + 1 to t: [S, S]"""
    check_steps(step, earlier, len(jacobians))
    product = torch.eye(jacobians.shape[1], dtype=jacobians.dtype, device=jacobians.device)
    for jacobian in jacobians[earlier:step]:
        product = jacobian @ product
    return product


def block(jacobian: Tensor, cell: Cell, of: str, by: str) -> Tensor:
    """The rows of part `of` and the columns of part `by`, by their names."""
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
    """dh_t/dh_k for t = `step` and k = `earlier`: [size of `of`, size of `by`], through this layer's own recurrence.

    `of` and `by` name parts of the state, the output unless given; the other parts at step k are held fixed."""
    cell = recurrent.cells[layer * recurrent.directions + direction]
    whole = whole_jacobian(
        step_jacobians(recurrent, x, layer=layer, direction=direction), step, earlier
    )
    return block(whole, cell, of or cell.part_names[0], by or cell.part_names[0])


def bptt_terms(
    recurrent: Recurrent,
    x: Tensor,
    loss: Callable[[Tensor], Tensor],
    *,
    step: int,
    layer: int = 0,
    direction: int = 0,
) -> dict[str, Tensor]:
    """The terms of dL_t/dW = sum over k <= t of dL_t/dh_t dh_t/dh_k dh_k/dW, where dh_k/dW holds h_{k-1} fixed.

    `loss` takes the output h_t [O] to a number. Returns {parameter: [t, *its shape]}; term k stands at k - 1, and the
    sum over all is this layer's gradient. Source: Werbos, 1990; Pascanu et al., 2013, equations 3 to 5."""
    cell, inputs, states = call_of(recurrent, x, layer, direction)
    check_steps(step, 1, len(states) - 1)
    names, weights = zip(*((name, weight) for name, weight in cell.named_parameters()), strict=True)
    output = states[step][0][0].detach().requires_grad_()
    (of_output,) = torch.autograd.grad(loss(output), [output])
    upstream = [of_output[None], *(torch.zeros_like(part) for part in states[step][1:])]
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
    return {name: torch.stack([term[place] for term in terms]) for place, name in enumerate(names)}


def gradient_norms(
    recurrent: Recurrent, x: Tensor, loss: Callable[[Tensor], Tensor], lengths: Tensor | None = None
) -> list[dict[str, Tensor]]:
    """|dL/dh_t| of every row, layer, part of the state and step: do gradients vanish on their way back, or explode?

    x [B, T, D]; `loss` takes the outputs [B, T, output_size] to a number. For each layer and direction, in the order
    of the state: {part: [B, T]}, in the order the steps were taken."""
    with torch.enable_grad():
        x = (
            x.detach().requires_grad_()
        )  # so that there is a graph even where all weights are frozen
        outputs, seen = calls(recurrent, x, lengths)
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
    """dh_T/dw of the scalar linear network: by its formula, and by automatic differentiation."""

    formula: float
    exact: float


def scalar_growth(w: float, steps: int, first: float = 1.0) -> Growth:
    """h_t = w h_{t-1}: dh_T/dw = T w^(T-1) h_0, which vanishes for |w| < 1 and explodes for |w| > 1.

    scalar_growth(2.0, 3) -> Growth(formula=12.0, exact=12.0)"""
    weight = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    h = torch.tensor(first, dtype=torch.float64)
    for _ in range(steps):
        h = weight * h
    exact = float(torch.autograd.grad(h, weight)[0]) if steps else 0.0
    return Growth(steps * w ** (steps - 1) * first if steps else 0.0, exact)


class Memory(NamedTuple):
    """How much of c_k is left in c_t: the product of the forget gates [H], and exactly, dc_t/dc_k [H, H]."""

    product: Tensor
    exact: Tensor


def memory(
    recurrent: Recurrent, x: Tensor, *, step: int, earlier: int, layer: int = 0, direction: int = 0
) -> Memory:
    """dc_t/dc_k beside the product of f_j over j = k + 1 to t, which is what is left of it when the gates are taken
    as given; the difference goes through h. Source: Hochreiter and Schmidhuber, 1997; Gers et al., 2000.

    Raises ValueError if the layer has no forget gate and memory cell."""
    cell = recurrent.cells[layer * recurrent.directions + direction]
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
    """A picture of `gradient_norms` for one row: a line for each layer and part, logarithmic, steps across."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for place, parts in enumerate(norms):
        for name, values in parts.items():
            values = values[row].detach().double().cpu()
            axes.plot(
                range(1, len(values) + 1),
                values.clamp(min=1e-300).numpy(),
                label=f"{place}: {name}",
            )
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("norm of the loss's gradient")
    axes.legend()
    figure.savefig(path)
