"""Laws that a recurrent network must obey, checked on any trained one.

print(verify(recurrent, x, lengths)):

    check                        deviation   allowed
    batch = one by one             1.2e-07   1.0e-05   yes
    padding on the right           0.0e+00   1.0e-05   yes
    ...

B rows, T steps, D inputs.
"""

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
    """The result of checking one law.

    Attributes:
        name: Of the law.
        deviation: The largest difference, relative to the largest value (at least 1); None if the
            law does not apply.
        allowed: The largest deviation that passes.
        reason: Why it does not apply.
    """

    name: str
    deviation: float | None
    allowed: float
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether the law holds or does not apply."""
        return self.deviation is None or self.deviation <= self.allowed


@dataclass(frozen=True)
class Report:
    """All checks; prints as a table, `rows()` for JSON."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return all(check.passed for check in self.checks)

    def rows(self) -> list[dict]:
        """The checks as dictionaries."""
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
    """Checks the laws of padding, order, chunks, kernels, saving and loading on these inputs.

    A module is checked in evaluation mode and returned to the mode it was in.

    Args:
        run: A Recurrent, or any module or function (x, lengths, state) -> (outputs [B, T, ...],
            state).
        x: Token ids [B, T], or vectors [B, T, D].
        lengths: [B], or None if all rows are full.
        allowed: The largest deviation that passes; default: by the outputs' dtype.

    Raises:
        ValueError: An empty batch.
    """
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
            with torch.enable_grad() if check is check_gradients else torch.no_grad():
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


def list_tensors(state: State) -> list[Tensor]:
    """The tensors of a state, in order; other leaves are left out."""
    if isinstance(state, Tensor):
        return [state]
    return (
        [leaf for part in state for leaf in list_tensors(part)]
        if isinstance(state, tuple | list)
        else []
    )


def largest_difference(first: list[Tensor], second: list[Tensor]) -> float:
    """The largest difference, relative to the largest value if above 1; infinite for NaN in one."""
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


def real_steps(outputs: Tensor, lengths: Tensor) -> list[Tensor]:
    """The outputs [B, T, ...] of each row without its padding."""
    return [row[: int(length)] for row, length in zip(outputs, lengths, strict=True)]


def collect(result: tuple[Tensor, State], lengths: Tensor) -> list[Tensor]:
    """All that a run returned: the outputs of real steps, and the tensors of the state."""
    outputs, state = result
    return [*real_steps(outputs, lengths), *list_tensors(state)]


def check_one_by_one(run: Run, x: Tensor, lengths: Tensor) -> float:
    """Each row of a batch equals the same row by itself."""
    outputs, state = run(x, lengths, None)
    worst = 0.0
    for row, length in enumerate(lengths.tolist()):
        if length:
            alone, end = run(x[row : row + 1, :length], torch.tensor([length]), None)
            index = torch.tensor([row], device=x.device)
            together = [outputs[row, :length], *list_tensors(select(state, index))]
            worst = max(worst, largest_difference(together, [alone[0], *list_tensors(end)]))
    return worst


def pad_right(x: Tensor, steps: int) -> Tensor:
    """More steps on the right, filled with x's own values: padding that would be noticed."""
    return torch.cat(
        [x, x.flip(1).repeat_interleave(-(-steps // x.shape[1]), dim=1)[:, :steps]], dim=1
    )


def check_right_padding(run: Run, x: Tensor, lengths: Tensor) -> float:
    """More padding on the right changes nothing."""
    expected = collect(run(x, lengths, None), lengths)
    return max(
        largest_difference(collect(run(pad_right(x, more), lengths, None), lengths), expected)
        for more in (1, 7, x.shape[1])
    )


def check_left_padding(run: Run, x: Tensor, lengths: Tensor) -> float | str:
    """Padding on the left changes nothing; only Recurrent takes a mask."""
    if not isinstance(run, Recurrent):
        return "lengths say only where padding on the right begins"
    outputs, state = run(x, lengths, None)
    mask = torch.arange(x.shape[1]) < lengths[:, None]
    more = pad_right(x, 3)
    moved = torch.stack(
        [
            row.roll(more.shape[1] - int(length), 0)
            for row, length in zip(more, lengths, strict=True)
        ]
    )
    mask = torch.cat([mask, torch.zeros(len(x), 3, dtype=torch.bool)], dim=1).flip(1)
    left, last = run(moved, mask, None)
    left = [row[row.shape[0] - int(length) :] for row, length in zip(left, lengths, strict=True)]
    return largest_difference(
        [*left, *list_tensors(last)], [*real_steps(outputs, lengths), *list_tensors(state)]
    )


def check_order(run: Run, x: Tensor, lengths: Tensor) -> float:
    """The order of the rows of a batch changes nothing."""
    order = torch.arange(len(x)).flip(0)
    outputs, state = run(x, lengths, None)
    there = order.to(x.device)
    expected = collect((outputs[there], select(state, there)), lengths[order])
    return largest_difference(
        collect(run(x[there], lengths[order], None), lengths[order]), expected
    )


def check_chunks(run: Run, x: Tensor, lengths: Tensor) -> float | str:
    """A sequence in chunks, with the state passed on, gives the result of the whole."""
    if isinstance(run, nn.Module) and any(
        getattr(module, "bidirectional", False) for module in run.modules()
    ):
        return "a backward direction needs the whole sequence"
    expected = collect(run(x, lengths, None), lengths)
    worst = 0.0
    for size in {1, x.shape[1] // 2 + 1}:
        state, outputs = None, []
        for part, here in chunks(x, lengths, size):
            out, state = run(part, here, state)
            outputs.append(out)
        worst = max(
            worst,
            largest_difference(collect((torch.cat(outputs, dim=1), state), lengths), expected),
        )
    return worst


def check_kernels(run: Run, x: Tensor, lengths: Tensor) -> float:
    """Kernels give the result of the reference loop."""
    found = collect(run(x, lengths, None), lengths)
    with kernels.disabled():
        return largest_difference(found, collect(run(x, lengths, None), lengths))


def check_gradients(run: Run, x: Tensor, lengths: Tensor) -> float | str:
    """More padding changes no gradient."""
    weights = (
        [weight for weight in run.parameters() if weight.requires_grad]
        if isinstance(run, nn.Module)
        else []
    )
    if not weights:
        return "nothing here is trained"

    def compute_gradients(inputs: Tensor) -> list[Tensor]:
        loss = sum(
            row.float().square().mean()
            for row in real_steps(run(inputs, lengths, None)[0], lengths)
            if len(row)
        )
        if not isinstance(loss, Tensor):
            return []
        return list(torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True))

    return largest_difference(compute_gradients(pad_right(x, 5)), compute_gradients(x))


def check_loading(run: Run, x: Tensor, lengths: Tensor) -> float | str:
    """Saving and loading changes nothing."""
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
    return largest_difference(
        collect(other(x, lengths, None), lengths), collect(run(x, lengths, None), lengths)
    )


CHECKS: dict[str, Callable[[Run, Tensor, Tensor], float | str]] = {
    "batch = one by one": check_one_by_one,
    "padding on the right": check_right_padding,
    "padding on the left": check_left_padding,
    "any order": check_order,
    "chunks = whole": check_chunks,
    "kernel = reference": check_kernels,
    "gradients under padding": check_gradients,
    "saved and loaded": check_loading,
}
