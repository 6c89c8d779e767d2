"""A weights file: named tensors in one safetensors file that carries its own checksum.

Nothing in such a file can execute, and one flipped byte is noticed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError


def digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes."""
    hashed = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        hashed.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return hashed.hexdigest()


def save_weights(path: Path, tensors: dict[str, Tensor]) -> None:
    """Writes the file atomically: a reader finds the old one or the new one, never half of one."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, safetensors.torch.save(tensors, metadata={"sha256": digest(tensors)}))


def load_weights(path: Path) -> dict[str, Tensor]:
    """The tensors that save_weights wrote.

    Raises:
        InputError: the file is missing, truncated, or changed since.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; the run is not complete")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            wanted = (file.metadata() or {}).get("sha256")
            names = file.keys()  # the file itself is no iterable
            tensors = {name: file.get_tensor(name) for name in names}
    except safetensors.SafetensorError as error:
        if "\ufffd" in str(error) and "not valid UTF-8" in str(error):
            raise InputError(f"{path}: a path that is not UTF-8; rename it") from None
        size = path.stat().st_size
        raise InputError(
            f"{path}: damaged ({size:,} bytes: {error}); copy the run again or train anew"
        ) from None
    if wanted is not None and digest(tensors) != wanted:
        raise InputError(
            f"{path}: damaged (its checksum does not match its contents); "
            "copy the run again or train anew"
        )
    return tensors


def unique_state(network: nn.Module) -> dict[str, Tensor]:
    """The network's state with every tensor once: tied weights appear under their first name."""
    seen: set[int] = set()
    unique = {}
    for name, tensor in network.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            unique[name] = tensor.detach()
    return unique


def load_unique_state(network: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Loads what unique_state() gave into the network; InputError as of check_shapes and
    check_finite.
    """
    check_shapes(unique_state(network), tensors, where)
    check_finite(network, tensors, where)
    network.load_state_dict(tensors, strict=False)


def check_shapes(wanted: dict[str, Tensor], tensors: dict[str, Tensor], where: str) -> None:
    """Compares a network's tensors with those of a file.

    Args:
        wanted: The network's by name; those of its outline will do.
        tensors: Those of the file.
        where: The file's name.

    Raises:
        InputError: Names the first tensor that is missing, unknown, or of another shape.
    """
    for name in [*wanted, *tensors]:
        if name not in tensors or name not in wanted:
            raise InputError(
                f"{where}: {'lacks' if name in wanted else 'has an unknown'} tensor '{name}'; "
                "it was made by another kind of model"
            )
        if tensors[name].shape != wanted[name].shape:
            raise InputError(
                f"{where}: tensor '{name}' is {tuple(tensors[name].shape)}, "
                f"this model needs {tuple(wanted[name].shape)}"
            )


def check_finite(network: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Raises InputError, which names the first tensor of a file that has a NaN or, among what is
    trained, an infinity: every answer would be wrong, and most of them without a sign of it.

    A threshold that nothing exceeds, which is not trained, may be infinite.
    """
    trained = {name for name, _ in network.named_parameters()}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or torch.isfinite(tensor).all():
            continue
        if name in trained or torch.isnan(tensor).any():
            raise InputError(
                f"{where}: tensor '{name}' has values that are not finite numbers: the training "
                "diverged, or the file is damaged; copy the run again or train anew"
            )
