"""The device that a command runs on."""

from __future__ import annotations

from ostinato.errors import InputError, nearest


def choose(name: str) -> str:
    """The device of that name; "auto" is "cuda" where there is one, else "cpu".

    Raises:
        InputError: there is no such device.
    """
    import torch

    kind = name.split(":")[0]
    if kind not in ("cpu", "cuda", "auto"):
        raise InputError(f"--device: no choice '{name}'{nearest(name, ('cpu', 'cuda', 'auto'))}")
    available = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if available else "cpu"
    if kind == "cuda" and not available:
        raise InputError("--device cuda: this PyTorch sees no CUDA device; use --device cpu")
    return name
