"""The device that a command runs on."""

from __future__ import annotations

from ostinato.errors import InputError, nearest


def choose_device(name: str, local_rank: int = 0) -> str:
    """Checks the name of a device; "auto" means "cuda" if available, otherwise "cpu".

    Args:
        name: cpu, cuda, cuda:1 or auto
        local_rank: the number of this process among those on this machine, and of its GPU

    Raises:
        InputError: the device is not available.
    """
    import torch

    kind = name.split(":")[0]
    if kind not in ("cpu", "cuda", "auto"):
        raise InputError(f"--device: no choice '{name}'{nearest(name, ('cpu', 'cuda', 'auto'))}")
    available = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if available else "cpu"
    if kind == "cuda" and not available:
        raise InputError("--device cuda: this PyTorch sees no CUDA device; use --device cpu")
    if local_rank and kind in ("cuda", "auto") and available:
        if local_rank >= torch.cuda.device_count():
            raise InputError(
                f"--device cuda: {torch.cuda.device_count()} GPUs here, too few for this many "
                "processes; one each"
            )
        return f"cuda:{local_rank}"
    return name
