"""Weights in the order the kernels read them, kept between calls that only infer.

What is kept belongs to one tensor at one version: every in-place change that PyTorch counts (`load_state_dict`,
`copy_`) makes it stale, and so does every step of an optimizer, which PyTorch does not count where it is fused.
Changes behind PyTorch's back (`weight.data.copy_(...)`, NumPy) are seen at a few places of the tensor, so that
averaged or exchanged weights are noticed; after a change of single rows in this way call `forget()`."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.weak import WeakIdKeyDictionary

from ostinato.kernels import bindings

State = tuple[int, int, int, tuple[bytes, ...]]
PLACES, BYTES = 5, 32  # of a tensor that are compared: a microsecond a call


class Room(NamedTuple):
    """Where a packed weight stands, and of which version, at which address, for which instruction set."""

    state: State
    room: Tensor


_rooms: WeakIdKeyDictionary = WeakIdKeyDictionary()  # weight -> {what for: Room}


def forget() -> None:
    """Packs every weight anew at its next use."""
    _rooms.clear()


register_optimizer_step_post_hook(
    lambda *_: forget()
)  # fused steps change weights without a new version


def state_of(weight: Tensor) -> State:
    return (
        weight._version,
        weight.data_ptr(),
        bindings.chosen,
        look(weight.data_ptr(), weight.nbytes),
    )


def look(address: int, size: int) -> tuple[bytes, ...]:
    """What stands at a few places, from the first bytes to the last."""
    last = max(0, size - BYTES)
    return tuple(
        ctypes.string_at(address + last * place // (PLACES - 1), min(size, BYTES))
        for place in range(PLACES)
    )


def keepable(weight: Tensor) -> bool:
    """Nothing is kept while gradients are recorded: the weights are about to change."""
    recording = torch.is_grad_enabled() and weight.requires_grad
    return not (recording or weight.is_inference()) and weight.is_contiguous()


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
