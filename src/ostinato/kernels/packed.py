"""Weights in the order the kernels read them, kept between calls that only infer.

What is kept belongs to one tensor at one version: every in-place change that PyTorch counts (an optimizer's step,
`load_state_dict`, `copy_`) makes it stale. Changes behind PyTorch's back (`weight.data.add_(...)`, NumPy) are not
seen: call `forget()` after them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from ostinato.kernels import native


class Room(NamedTuple):
    """Where a packed weight stands, and of which version, at which address, for which instruction set."""

    state: tuple[int, int, int]
    room: Tensor


_rooms: WeakIdKeyDictionary = WeakIdKeyDictionary()  # weight -> {what for: Room}


def forget() -> None:
    """Packs every weight anew at its next use."""
    _rooms.clear()


def state_of(weight: Tensor) -> tuple[int, int, int]:
    return weight._version, weight.data_ptr(), native.chosen


def keepable(weight: Tensor) -> bool:
    """Nothing is kept while gradients are recorded: the weights are about to change."""
    return not (torch.is_grad_enabled() and weight.requires_grad or weight.is_inference())


def kept(weight: Tensor, purpose: str) -> Tensor | None:
    """The room in which this weight stands packed, or None."""
    if not keepable(weight):
        return None
    found = _rooms.get(weight, {}).get(purpose)
    return found.room if found is not None and found.state == state_of(weight) else None


def keep(weight: Tensor, purpose: str, room: Tensor) -> None:
    """To be called when `room` has been filled, not before: other threads look for it."""
    if keepable(weight):
        _rooms.setdefault(weight, {})[purpose] = Room(state_of(weight), room)
