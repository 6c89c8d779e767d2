"""Does padding change an answer? Does it matter how a batch is cut? Asked of any trained network.

print(verify(recurrent, x, lengths))

    check                        deviation   allowed
    batch = one by one             1.2e-07   1.0e-05   yes
    padding on the right           0.0e+00   1.0e-05   yes
    ..."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ostinato import kernels
from ostinato.cells.state import State, select
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.truncated_bptt import chunks

Run = Callable[[Tensor, Tensor | None, State], tuple[Tensor, State]]
ALLOWED = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 5e-2, torch.float16: 1e-2}


@dataclass(frozen=True)
class Check:
    """One law: by how much it was missed at most, relative to the largest value (at least 1); None: does not apply."""

    name: str
    deviation: float | None
    allowed: float
    reason: str = ""

    @property
    def passed(self) -> bool:
        return self.deviation is None or self.deviation <= self.allowed


@dataclass(frozen=True)
class Report:
    """All checks; prints as a table, `rows()` for JSON."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def rows(self) -> list[dict]:
        return [vars(check) | {"passed": check.passed} for check in self.checks]

    def __str__(self) -> str:
        lines = [f"{'check':<28} {'deviation':>9}   {'allowed':>7}"]
        for check in self.checks:
            if check.deviation is None:
                lines.append(f"{check.name:<28} {'-':>9}   {'-':>7}   {check.reason}")
            else:
                verdict = "yes" if check.passed else "NO"
                lines.append(
                    f"{check.name:<28} {check.deviation:9.1e}   {check.allowed:7.1e}   {verdict}"
                )
        return "\n".join(lines)


def verify(
    run: Run, x: Tensor, lengths: Tensor | None = None, *, allowed: float | None = None
) -> Report:
    """Check the laws of padding, order, chunks, kernels, saving and loading on these inputs.

    run      a `Recurrent`, or any module or function (x, lengths, state) -> (outputs [B, T, ...], state)
    x        [B, T] of token numbers or [B, T, D]; lengths [B]
    allowed  the largest deviation that passes; by the outputs' dtype unless given

    A module is checked in evaluation mode and left in the mode it came in. Raises ValueError for an empty batch."""
    if x.dim() < 2 or 0 in x.shape[:2]:
        raise ValueError(
            f"x must be [B, T, ...] of at least one row and one step; got {list(x.shape)}"
        )
    full = torch.full((len(x),), x.shape[1])
    lengths = full if lengths is None else torch.as_tensor(lengths)
    with evaluating(run), torch.no_grad():
        outputs = run(x, lengths, None)[0]
        limit = ALLOWED.get(outputs.dtype, 1e-5) if allowed is None else allowed
        checks = []
        for name, check in CHECKS.items():
            with torch.enable_grad() if check is gradients else torch.no_grad():
                found = check(run, x, lengths)
            checks.append(
                Check(name, *((None, limit, found) if isinstance(found, str) else (found, limit)))
            )
    return Report(tuple(checks))


@contextmanager
def evaluating(run: Run) -> Iterator[None]:
    """A module in evaluation mode, each of its parts back in its own mode afterwards."""
    modes = (
        [(module, module.training) for module in run.modules()]
        if isinstance(run, nn.Module)
        else []
    )
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def leaves(state: State) -> list[Tensor]:
    """The tensors of a state, in order; leaves that are no tensors are passed over."""
    if isinstance(state, Tensor):
        return [state]
    return (
        [leaf for part in state for leaf in leaves(part)] if isinstance(state, tuple | list) else []
    )


def apart(first: list[Tensor], second: list[Tensor]) -> float:
    """The largest difference, relative to the largest value if that is above 1; NaN against a number is infinite."""
    worst = 0.0
    for a, b in zip(first, second, strict=True):
        if a.shape != b.shape:
            return float("inf")
        if a.numel():
            a, b = a.double(), b.double()
            same = (a == b) | (a.isnan() & b.isnan())
            difference = torch.where(same, 0, (a - b).abs()).nan_to_num(nan=float("inf")).max()
            worst = max(worst, float(difference / max(1.0, float(b.abs().nan_to_num().max()))))
    return worst


def real_part(outputs: Tensor, lengths: Tensor) -> list[Tensor]:
    return [row[: int(length)] for row, length in zip(outputs, lengths, strict=True)]


def all_of(result: tuple[Tensor, State], lengths: Tensor) -> list[Tensor]:
    outputs, state = result
    return [*real_part(outputs, lengths), *leaves(state)]


def one_by_one(run: Run, x: Tensor, lengths: Tensor) -> float:
    outputs, state = run(x, lengths, None)
    worst = 0.0
    for row, length in enumerate(lengths.tolist()):
        if length:
            alone, end = run(x[row : row + 1, :length], torch.tensor([length]), None)
            index = torch.tensor([row], device=x.device)
            together = [outputs[row, :length], *leaves(select(state, index))]
            worst = max(worst, apart(together, [alone[0], *leaves(end)]))
    return worst


def padded(x: Tensor, steps: int) -> Tensor:
    """More steps on the right, filled with x's own values: padding that would be noticed."""
    return torch.cat(
        [x, x.flip(1).repeat_interleave(-(-steps // x.shape[1]), dim=1)[:, :steps]], dim=1
    )


def on_the_right(run: Run, x: Tensor, lengths: Tensor) -> float:
    expected = all_of(run(x, lengths, None), lengths)
    return max(
        apart(all_of(run(padded(x, more), lengths, None), lengths), expected)
        for more in (1, 7, x.shape[1])
    )


def on_the_left(run: Run, x: Tensor, lengths: Tensor) -> float | str:
    if not isinstance(run, Recurrent):
        return "lengths say only where padding on the right begins"
    outputs, state = run(x, lengths, None)
    mask = torch.arange(x.shape[1]) < lengths[:, None]
    more = padded(x, 3)
    moved = torch.stack(
        [
            row.roll(more.shape[1] - int(length), 0)
            for row, length in zip(more, lengths, strict=True)
        ]
    )
    mask = torch.cat([mask, torch.zeros(len(x), 3, dtype=torch.bool)], dim=1).flip(1)
    left, last = run(moved, mask, None)
    left = [row[row.shape[0] - int(length) :] for row, length in zip(left, lengths, strict=True)]
    return apart([*left, *leaves(last)], [*real_part(outputs, lengths), *leaves(state)])


def in_any_order(run: Run, x: Tensor, lengths: Tensor) -> float:
    order = torch.arange(len(x)).flip(0)
    outputs, state = run(x, lengths, None)
    there = order.to(x.device)
    expected = all_of((outputs[there], select(state, there)), lengths[order])
    return apart(all_of(run(x[there], lengths[order], None), lengths[order]), expected)


def in_chunks(run: Run, x: Tensor, lengths: Tensor) -> float | str:
    if isinstance(run, nn.Module) and any(
        getattr(module, "bidirectional", False) for module in run.modules()
    ):
        return "a backward direction needs the whole sequence"
    expected = all_of(run(x, lengths, None), lengths)
    worst = 0.0
    for size in {1, x.shape[1] // 2 + 1}:
        state, outputs = None, []
        for part, here in chunks(x, lengths, size):
            out, state = run(part, here, state)
            outputs.append(out)
        worst = max(worst, apart(all_of((torch.cat(outputs, dim=1), state), lengths), expected))
    return worst


def by_reference(run: Run, x: Tensor, lengths: Tensor) -> float:
    found = all_of(run(x, lengths, None), lengths)
    with kernels.disabled():
        return apart(found, all_of(run(x, lengths, None), lengths))


def gradients(run: Run, x: Tensor, lengths: Tensor) -> float | str:
    weights = (
        [weight for weight in run.parameters() if weight.requires_grad]
        if isinstance(run, nn.Module)
        else []
    )
    if not weights:
        return "nothing here is trained"

    def of(inputs: Tensor) -> list[Tensor]:
        loss = sum(
            row.float().square().mean()
            for row in real_part(run(inputs, lengths, None)[0], lengths)
            if len(row)
        )
        if not isinstance(loss, Tensor):
            return []
        return list(torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True))

    return apart(of(padded(x, 5)), of(x))


def after_loading(run: Run, x: Tensor, lengths: Tensor) -> float | str:
    if not isinstance(run, nn.Module):
        return "not a module"
    import safetensors.torch

    other = copy.deepcopy(run)
    stored = safetensors.torch.save(
        {name: value.clone() for name, value in run.state_dict().items()}
    )
    for value in other.state_dict().values():
        value.zero_()
    other.load_state_dict(safetensors.torch.load(stored))
    return apart(all_of(other(x, lengths, None), lengths), all_of(run(x, lengths, None), lengths))


CHECKS: dict[str, Callable[[Run, Tensor, Tensor], float | str]] = {
    "batch = one by one": one_by_one,
    "padding on the right": on_the_right,
    "padding on the left": on_the_left,
    "any order": in_any_order,
    "chunks = whole": in_chunks,
    "kernel = reference": by_reference,
    "gradients under padding": gradients,
    "saved and loaded": after_loading,
}
