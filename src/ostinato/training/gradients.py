"""Gradients as a whole: their norm, and what to do when it is too large. Sparse gradients (of embeddings) included."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from statistics import median

import torch
from torch import Tensor, nn

from ostinato.training.gradients_over_time import TimeProfiles


def gradients(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """The gradient of each parameter that has one, as dense tensors to be changed in place.

    A sparse gradient may list a row several times; it is coalesced first, so that a row's
    contributions are added before anything is measured, and stands in the list as the values of its
    rows."""
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


def gradient_norm(found: list[Tensor]) -> float:
    """gradient_norm([tensor([3.0]), tensor([4.0])]) -> 5.0: the Euclidean norm of all of them as one vector."""
    if not found:
        return 0.0
    device = found[0].device
    norms = [norm.to(device) for norm in torch._foreach_norm(found)]
    return torch.linalg.vector_norm(torch.stack(norms)).item()


def clip_gradients(
    parameters: Iterable[nn.Parameter],
    *,
    scale: float = 1.0,
    norm: float | None = None,
    value: float | None = None,
) -> float:
    """Multiply all gradients by `scale`, limit each component to [-value, value], then the norm to `norm`.

    Returns the norm after scaling and before clipping; where it is not finite, the gradients are left as they are.

    Clipping by norm: g <- g * norm / ||g|| if ||g|| > norm (Pascanu, Mikolov and Bengio 2013, algorithm 1)."""
    found = gradients(parameters)
    measured = gradient_norm(found) * scale
    if not math.isfinite(measured):
        return measured
    remaining = measured
    if value is not None:
        if scale != 1.0:
            torch._foreach_mul_(found, scale)
            scale = 1.0
        for gradient in found:
            gradient.clamp_(-value, value)
        if norm is not None:
            remaining = gradient_norm(found)
    if norm is not None and remaining > norm:
        scale *= norm / remaining
    if scale != 1.0 and found:
        torch._foreach_mul_(found, scale)
    return measured


class GradientWatch:
    """Says, once each, when gradients vanish or explode while training.

        watch = GradientWatch(model)
        for progress in train(...):
            for warning in watch(progress.gradient_norm):
                print(warning)

    They explode when a norm is `factor` times the median of the last `window` ones. They vanish between layers when the
    part of some parameter is, at `window` looks in a row, less than 1 / `floor` of the largest part (each as a norm per
    component); and through time when the gradient of a recurrent layer's inputs is, at some step of each of the longest
    sequences, less than 1 / `floor` of its largest (see TimeProfiles). Both are looked at every `every` steps only, so
    that watching costs next to nothing."""

    def __init__(
        self,
        model: nn.Module,
        *,
        window: int = 20,
        every: int = 10,
        factor: float = 100.0,
        floor: float = 1e7,
    ) -> None:
        self.model, self.window, self.every, self.factor, self.floor = (
            model,
            window,
            every,
            factor,
            floor,
        )
        self.norms: deque[float] = deque(maxlen=window)
        self.small: dict[str, int] = {}
        self.short: dict[str, int] = {}
        self.said: set[str] = set()
        self.steps = 0
        self.profiles = TimeProfiles(model)
        self._prepare()

    def __call__(self, norm: float) -> list[str]:
        """The warnings that this step gives cause for: most often none."""
        self.steps += 1
        warnings = self._exploding(norm)
        if self.steps % self.every == 0:
            warnings += self._vanishing() + self._vanishing_through_time()
        self._prepare()
        return warnings

    def _prepare(self) -> None:
        """Has the next step recorded if it is one to look at."""
        if (self.steps + 1) % self.every == 0:
            self.profiles.record()

    def _exploding(self, norm: float) -> list[str]:
        usual = median(self.norms) if len(self.norms) == self.window else math.inf
        self.norms.append(norm)
        if norm <= self.factor * usual or "exploding" in self.said:
            return []
        self.said.add("exploding")
        return [
            f"the gradient exploded: its norm is {norm:.3g}, the usual one {usual:.3g}; limit it "
            "with --clip-norm, "
            "or lower --learning-rate"
        ]

    def _vanishing(self) -> list[str]:
        with_gradient = [
            (name, p)
            for name, p in self.model.named_parameters()
            if p.grad is not None and p.numel()
        ]
        parts = gradients(p for _, p in with_gradient)
        norms = torch._foreach_norm(parts) if parts else []
        sizes = [
            norm.item() / max(1, part.numel()) ** 0.5
            for norm, part in zip(norms, parts, strict=True)
        ]
        largest = max(sizes, default=0.0)
        for (name, _), size in zip(with_gradient, sizes, strict=True):
            self.small[name] = self.small.get(name, 0) + 1 if size * self.floor < largest else 0
        worst = [name for name, looks in self.small.items() if looks == self.window]
        if not worst or "vanishing" in self.said:
            return []
        self.said.add("vanishing")
        more = f" (and {len(worst) - 1} more)" if len(worst) > 1 else ""
        return [
            f"the gradient vanishes before it reaches {worst[0]}{more}: it stayed under "
            f"{1 / self.floor:.0e} of the "
            "largest; a gated cell (--cell lstm or gru), fewer layers or shorter sequences help"
        ]

    def _vanishing_through_time(self) -> list[str]:
        for name, profile in self.profiles.collect().items():
            vanishes = profile.ratio * self.floor < 1
            self.short[name] = self.short.get(name, 0) + 1 if vanishes else 0
            if self.short[name] == self.window and "through time" not in self.said:
                self.said.add("through time")
                return [
                    f"the gradient vanishes through time before it reaches every input of {name}: "
                    "over the "
                    f"{profile.steps} steps of a sequence it fell under {1 / self.floor:.0e} of "
                    "its largest; a gated "
                    "cell (--cell lstm or gru) or shorter sequences help"
                ]
        return []
