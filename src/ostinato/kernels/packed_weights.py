"""Weights in the order the kernels read them, stored between calls that only infer.

A packed weight belongs to one tensor at one version: every in-place change that PyTorch counts
(`load_state_dict`, `copy_`) makes it stale, and so does every step of an optimizer, which PyTorch
does not count where it is fused. Changes that PyTorch does not see (`weight.data.copy_(...)`,
NumPy) are noticed by comparing a few samples of the tensor's bytes, so that averaged or exchanged
weights are noticed; after such a change of single rows call `forget()`."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.weak import WeakIdKeyDictionary

from ostinato.kernels import bindings

Version = tuple[int, int, int, int, tuple[bytes, ...]]
SAMPLES, SAMPLE_BYTES = 5, 32  # of a tensor, compared at each use: a microsecond a call


class PackedWeight(NamedTuple):
    """A packed weight, and which version of the tensor it was made of."""

    version: Version
    packed: Tensor


_stored: WeakIdKeyDictionary = WeakIdKeyDictionary()  # weight -> {purpose: PackedWeight}


def forget() -> None:
    """Packs every weight anew at its next use."""
    _stored.clear()


# fused steps change weights without a new version
register_optimizer_step_post_hook(lambda *_: forget())


def version_of(weight: Tensor) -> Version:
    """What changes when the weight does: torch's counter, its address, size, some bytes."""
    address, size = weight.data_ptr(), weight.nbytes
    return weight._version, address, size, bindings.chosen, sample_bytes(address, size)


def sample_bytes(address: int, size: int) -> tuple[bytes, ...]:
    """Some bytes at evenly spaced positions, from the first ones to the last."""
    last = max(0, size - SAMPLE_BYTES)
    return tuple(
        ctypes.string_at(address + last * i // (SAMPLES - 1), min(size, SAMPLE_BYTES))
        for i in range(SAMPLES)
    )


def can_store(weight: Tensor) -> bool:
    """Nothing is stored while gradients are recorded: the weights are about to change."""
    recording = torch.is_grad_enabled() and weight.requires_grad
    return not (recording or weight.is_inference()) and weight.is_contiguous()


def find_packed(weight: Tensor, purpose: str) -> Tensor | None:
    """This weight, packed by an earlier call, or None."""
    if not can_store(weight):
        return None
    found = _stored.get(weight, {}).get(purpose)
    return found.packed if found is not None and found.version == version_of(weight) else None


def store_packed(weight: Tensor, purpose: str, packed: Tensor) -> None:
    """To be called when `packed` has been filled, not before: other threads look for it."""
    if can_store(weight):
        _stored.setdefault(weight, {})[purpose] = PackedWeight(version_of(weight), packed)
