"""Gradients over time: how far back they reach, at the inputs of the recurrent layers.

The gradient of a weight is a sum over all steps, dL/dW = sum_k dL/dh_k dh_k/dW, and as large as its
largest term: it does not show that the terms of early steps vanish (Bengio, Simard and Frasconi
1994). The gradient of the input x_k passes through dL/dh_k alone, and shows it.

Letters: B batch, T time, D input.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ostinato.layers.recurrent import Recurrent
from ostinato.padding import padding_mask


class TimeProfile(NamedTuple):
    """How much smaller a gradient becomes over time.

    Attributes:
        ratio: The smallest gradient of any step divided by the largest, in the one of the longest
            sequences of a batch where it is least small; 1 if it is the same everywhere.
        steps: The number of steps of these sequences.
    """

    ratio: float
    steps: int


class TimeProfiles:
    """The TimeProfile of each Recurrent, and torch.nn RNN, GRU and LSTM, in a training step.

        profiles = TimeProfiles(model)
        profiles.record()              # from here on
        model.loss(batch).total.backward()
        profiles.collect()             # {"recurrent": TimeProfile(ratio=0.02, steps=35)}

    Between `record` and `collect` hooks are attached to these layers; otherwise the model is as it
    was.
    """

    def __init__(self, model: nn.Module) -> None:
        self.layers = {
            name or "the recurrent layer": module
            for name, module in model.named_modules()
            if isinstance(module, Recurrent | nn.RNNBase)
        }
        self.handles: list[RemovableHandle] = []
        self.found: dict[str, list[tuple[Tensor, int]]] = {}

    def record(self) -> None:
        """Records the gradients of the backward passes from here on."""
        self.found = {}
        if self.handles:
            return
        for name, module in self.layers.items():
            hook = partial(self._observe, name)
            self.handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))

    def collect(self) -> dict[str, TimeProfile]:
        """Ends recording; of several calls of a layer, the profile that vanishes least."""
        for handle in self.handles:
            handle.remove()
        self.handles = []
        profiles = {
            name: max(
                (TimeProfile(float(ratio), steps) for ratio, steps in parts),
                key=lambda profile: profile.ratio,
            )
            for name, parts in self.found.items()
        }
        self.found = {}
        return profiles

    def _observe(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Before a layer runs: has the gradient of its inputs computed and recorded."""
        x = args[0] if args else None
        if not (torch.is_grad_enabled() and isinstance(x, Tensor) and x.is_floating_point()):
            return None
        time = 1 if isinstance(module, Recurrent) or module.batch_first else 0
        if x.dim() != 3 or x.shape[time] < 2:
            return None
        # a view: only the gradient through this layer, not that through others that read x
        watched = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        lengths = kwargs.get(
            "lengths", args[1] if isinstance(module, Recurrent) and args[1:] else None
        )
        watched.register_hook(partial(self._measure, name, time, lengths))
        return (watched, *args[1:]), kwargs

    def _measure(self, name: str, time: int, lengths: Any, gradient: Tensor) -> None:
        """The profile of a gradient [B, T, D], or [T, B, D] if `time` is 0."""
        # the largest component, as the square of a small one would underflow
        sizes = gradient.detach().abs().amax(2)  # [B, T]
        sizes = sizes if time else sizes.t()
        mask = torch.ones_like(sizes, dtype=torch.bool)
        if lengths is not None:
            given = torch.as_tensor(lengths)
            mask = (
                given.to(sizes.device)
                if given.dtype == torch.bool
                else padding_mask(given, sizes.shape[1], sizes.device)
            )
        counts = mask.sum(1)  # [B]
        longest = counts == counts.max()
        largest = sizes.masked_fill(~mask, 0).amax(1)[longest]
        smallest = sizes.masked_fill(~mask, torch.inf).amin(1)[longest]
        steps = int(counts.max())
        if steps > 1 and bool((largest > 0).any()):
            ratio = (smallest / largest)[largest > 0].max()
            self.found.setdefault(name, []).append((ratio, steps))
