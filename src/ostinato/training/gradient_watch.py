"""A watch over gradients: the warnings when they vanish or explode in training."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

import torch
from torch import nn

from ostinato.errors import option_name
from ostinato.training.gradients import collect_gradients
from ostinato.training.gradients_over_time import TimeProfiles


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
