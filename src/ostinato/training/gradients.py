"""Gradients as a whole: their norm, clipping, and warnings when they vanish or explode.

Sparse gradients (of embeddings) included."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from statistics import median

import torch
from torch import Tensor, nn

from ostinato.errors import option_name
from ostinato.training.gradients_over_time import TimeProfiles


def collect_gradients(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """The gradient of each parameter that has one, as dense tensors to be changed in place.

    A sparse gradient may list a row several times; it is coalesced first, so that the contributions
    to a row are added before anything is measured, and is in the list as the values of its rows."""
    found = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            found.append(parameter.grad._values())
        else:
            found.append(parameter.grad)
    return found


def gradient_norm(gradients: list[Tensor]) -> float:
    """The Euclidean norm of all gradients as one vector.

    gradient_norm([tensor([3.0]), tensor([4.0])]) -> 5.0"""
    if not gradients:
        return 0.0
    device = gradients[0].device
    norms = [norm.to(device) for norm in torch._foreach_norm(gradients)]
    return torch.linalg.vector_norm(torch.stack(norms)).item()


def clip_gradients(
    parameters: Iterable[nn.Parameter],
    *,
    scale: float = 1.0,
    norm: float | None = None,
    value: float | None = None,
) -> float:
    """Scales all gradients, then clips them by value, then by norm.

    Clipping by norm: g <- g * norm / ||g|| if ||g|| > norm (Pascanu, Mikolov and Bengio 2013,
    algorithm 1).

    Args:
        parameters: whose gradients are changed in place
        scale: factor on all gradients
        norm: maximum norm, or None
        value: each component is limited to [-value, value], or None

    Returns:
        The norm after scaling and before clipping; where it is not finite, the gradients are left
        as they are.
    """
    gradients = collect_gradients(parameters)
    measured = gradient_norm(gradients) * scale
    if not math.isfinite(measured):
        return measured
    remaining = measured
    if value is not None:
        if scale != 1.0:
            torch._foreach_mul_(gradients, scale)
            scale = 1.0
        for gradient in gradients:
            gradient.clamp_(-value, value)
        if norm is not None:
            remaining = gradient_norm(gradients)
    if norm is not None and remaining > norm:
        scale *= norm / remaining
    if scale != 1.0 and gradients:
        torch._foreach_mul_(gradients, scale)
    return measured


class GradientWatch:
    """Warns, once each, when gradients vanish or explode in training.

        watch = GradientWatch(model)
        for progress in train(...):
            for warning in watch(progress.gradient_norm):
                print(warning)

    They explode when a norm is `factor` times the median of the last `window` norms. They vanish
    between layers when the gradient of some parameter is, `window` times in a row, less than
    1 / `floor` of the largest one (each as a norm per component); and through time when the
    gradient of a recurrent layer's inputs is, at some step of each of the longest sequences,
    less than 1 / `floor` of its largest (see TimeProfiles).

    Args:
        model: whose gradients are watched
        window: norms that are compared, or measurements in a row
        every: steps between two measurements of every parameter's gradient, so that the cost is
            negligible
        factor: how many times the median is an explosion
        floor: how many times smaller than the largest is vanishing
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        window: int = 20,
        every: int = 10,
        factor: float = 100.0,
        floor: float = 1e7,
    ) -> None:
        self.model, self.window, self.every = model, window, every
        self.factor, self.floor = factor, floor
        self.norms: deque[float] = deque(maxlen=window)
        self.small_in_a_row: dict[str, int] = {}
        self.warned: set[str] = set()
        self.short_in_a_row: dict[str, int] = {}
        self.steps = 0
        self.profiles = TimeProfiles(model)
        self._prepare()

    def __call__(self, norm: float) -> list[str]:
        """The warnings after a step with this gradient norm: most often none."""
        self.steps += 1
        warnings = self._check_exploding(norm)
        if self.steps % self.every == 0:
            warnings += self._check_vanishing() + self._check_vanishing_through_time()
        self._prepare()
        return warnings

    def _prepare(self) -> None:
        """Has the next step recorded if it is one that is measured."""
        if (self.steps + 1) % self.every == 0:
            self.profiles.record()

    def _check_exploding(self, norm: float) -> list[str]:
        usual = median(self.norms) if len(self.norms) == self.window else math.inf
        self.norms.append(norm)
        if norm <= self.factor * usual or "exploding" in self.warned:
            return []
        self.warned.add("exploding")
        return [
            f"the gradient exploded: its norm is {norm:.3g}, the usual one {usual:.3g}; "
            f"limit it with {option_name('clip_norm')}, or lower {option_name('learning_rate')}"
        ]

    def _check_vanishing(self) -> list[str]:
        with_gradient = [
            (name, p)
            for name, p in self.model.named_parameters()
            if p.grad is not None and p.numel()
        ]
        parts = collect_gradients(p for _, p in with_gradient)
        norms = torch._foreach_norm(parts) if parts else []
        sizes = [
            norm.item() / max(1, part.numel()) ** 0.5
            for norm, part in zip(norms, parts, strict=True)
        ]
        largest = max(sizes, default=0.0)
        counts = self.small_in_a_row
        for (name, _), size in zip(with_gradient, sizes, strict=True):
            counts[name] = counts.get(name, 0) + 1 if size * self.floor < largest else 0
        vanished = [name for name, count in counts.items() if count == self.window]
        if not vanished or "vanishing" in self.warned:
            return []
        self.warned.add("vanishing")
        more = f" (and {len(vanished) - 1} more)" if len(vanished) > 1 else ""
        return [
            f"the gradient vanishes before it reaches {vanished[0]}{more}: it stayed under "
            f"{1 / self.floor:.0e} of the largest; a gated cell ({option_name('cell')} lstm or "
            "gru), fewer layers "
            "or shorter sequences help"
        ]

    def _check_vanishing_through_time(self) -> list[str]:
        counts = self.short_in_a_row
        for name, profile in self.profiles.collect().items():
            counts[name] = counts.get(name, 0) + 1 if profile.ratio * self.floor < 1 else 0
            if counts[name] == self.window and "through time" not in self.warned:
                self.warned.add("through time")
                return [
                    f"the gradient vanishes through time before it reaches every input of {name}: "
                    f"over the {profile.steps} steps of a sequence it fell under "
                    f"{1 / self.floor:.0e} of its largest; a gated cell ({option_name('cell')} "
                    "lstm or gru) or "
                    "shorter sequences help"
                ]
        return []
