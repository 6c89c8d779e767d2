"""A network's outline: its modules with the shapes of their tensors, without memory for them.

    outline(lambda: build_network(options, preprocessing))

Before a network is built its size is compared with the machine's memory, and before a saved one is
loaded, with the shapes in its file: sizes from a command line, a recipe or a stranger's run are not
believed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ostinato.errors import InputError, option_name

CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class _WithoutInitialisation(TorchFunctionMode):
    """Skips the drawing of initial weights: there is no memory to fill, and no random number
    is used.
    """

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        values = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        in_place = name.endswith("_") and not name.endswith("__")
        if in_place and (name in DRAWING or getattr(func, "__module__", "") == "torch.nn.init"):
            return args[0] if args else values.get("tensor")
        return func(*args, **values)


# on the meta device some of these load a second's worth of modules of PyTorch
DRAWING = ("normal_", "uniform_", "bernoulli_", "exponential_", "random_", "fill_", "zero_", "mul_")


def outline(build: Callable[[], nn.Module]) -> nn.Module:
    """The network that `build` makes, on PyTorch's meta device.

    Raises:
        InputError: A tensor would have more elements than can be counted.
    """
    try:
        with torch.device("meta"), _WithoutInitialisation():
            return build()
    except (RuntimeError, OverflowError) as error:
        if "overflow" not in str(error).lower() and "too large" not in str(error).lower():
            raise
        raise InputError(
            "this network is too large to be built: give smaller sizes, such as "
            f"{option_name('hidden_size')}"
        ) from None


def check_memory(network: nn.Module) -> None:
    """Raises InputError where the weights alone take more memory than there is."""
    size = sum(each.numel() * each.element_size() for each in network.state_dict().values())
    if size > (limit := memory_limit()):
        raise InputError(
            f"a network of this size needs {size / 1e9:,.0f} GB for its weights alone, "
            f"and this machine has {limit / 1e9:,.0f} GB: give smaller sizes, such as "
            f"{option_name('hidden_size')}"
        )


def memory_limit() -> int:
    """Bytes that this process may use: the machine's, or its container's."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in CONTAINER_LIMITS:
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min(limits)
