"""The states of all random generators, as a checkpoint holds them."""

from __future__ import annotations

import random
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor


def collect_random_state() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The random states of Python, numpy and torch (each device): tensors and JSON."""
    tensors = {".random:torch": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        tensors |= {
            f".random:cuda {i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())
        }
    # without `legacy=False` numpy gives a tuple, which its stub does not say
    kind, keys, *rest = cast("tuple[Any, ...]", np.random.get_state())
    return tensors, {"python": random.getstate(), "numpy": [kind, keys.tolist(), *rest]}


def restore_random_state(tensors: dict[str, Tensor], saved: dict[str, Any]) -> None:
    """Sets the generators to what `collect_random_state` gave."""
    version, words, gauss = saved["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, *rest = saved["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(tensors[".random:torch"])
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            if f".random:cuda {number}" in tensors:
                torch.cuda.set_rng_state(tensors[f".random:cuda {number}"], number)
