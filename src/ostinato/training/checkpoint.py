"""Checkpoints: all that a killed run needs in order to continue as if it had never been killed.

    RUN/training/manifest.json                format version, step, current generation, checksums
    RUN/training/{a,b}/model.safetensors      the weights
    RUN/training/{a,b}/optimizer.safetensors  the optimizer's tensors, the random state, the
                                              recurrent state carried between batches
    RUN/training/{a,b}/state.json             everything that is not a tensor

A new checkpoint goes into the generation that is not the current one; the manifest is replaced
last. A kill, a power cut or a full disk at any moment therefore leaves the checkpoint before it
whole. Nothing that is loaded can execute."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.data.files.atomic import sha256, sync_folder, write_atomically
from ostinato.data.files.weights_file import (
    load_unique_state,
    load_weights,
    save_weights,
    unique_state,
)
from ostinato.errors import InputError, option_name
from ostinato.training.file_removal import remove_files, remove_folder_if_empty
from ostinato.training.loop import Position
from ostinato.training.optimizer_state import collect_optimizer_state, restore_optimizer
from ostinato.training.random_state import collect_random_state, restore_random_state

FORMAT = 1  # raise it when an older version could not read a newer checkpoint
GENERATIONS = ("a", "b")
FILES = ("model.safetensors", "optimizer.safetensors", "state.json")
MANIFEST = "manifest.json"
FILE_NAMES = re.compile("|".join(map(re.escape, FILES)))


class NotSaved(InputError):
    """A checkpoint could not be written (disk full, no permission); the one before it is whole."""


@dataclass
class Checkpoint:
    """What a run knows of itself besides its model and its optimizer.

    Attributes:
        position: where to start: `Progress.position`
        seconds: of training so far
        scores: dev scores so far, larger is better
        carried_state: `state_tensors(Progress.state)`, for batches that continue
        counters: whatever else the caller counts; anything that JSON can hold
    """

    position: Position
    seconds: float = 0.0
    scores: list[float] = field(default_factory=list)
    carried_state: list[Tensor] = field(default_factory=list)
    counters: dict[str, Any] = field(default_factory=dict)


def exists(folder: Path) -> bool:
    """Whether there is a checkpoint in `folder` (RUN/training) to resume from."""
    return (folder / MANIFEST).is_file()


def save(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, checkpoint: Checkpoint
) -> None:
    """Replaces the checkpoint in `folder` (RUN/training) by the current state, in one move.

    The random states are saved with it. Files of other names in `folder` are left alone.

    Raises:
        NotSaved: it cannot be written; the checkpoint before it can still be loaded then.
    """
    current = _read_manifest(folder) if exists(folder) else None
    generation = GENERATIONS[current is not None and current["generation"] == GENERATIONS[0]]
    new = folder / generation
    try:
        _remove_generation(new)  # what an interrupted save may have left
        new.mkdir(parents=True, exist_ok=True)
        sync_folder(folder)
        _write_generation(new, model, optimizer, checkpoint)
        manifest = {
            "format": FORMAT,
            "step": checkpoint.position.step,
            "generation": generation,
            "files": {
                name: {"bytes": (new / name).stat().st_size, "sha256": sha256(new / name)}
                for name in FILES
            },
        }
        write_atomically(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    except (InputError, OSError) as error:
        _remove_generation(new)
        reason = (
            f"{folder}: cannot be written: {error.strerror}"
            if isinstance(error, OSError)
            else str(error)
        )
        before = (
            f"the one of step {current['step']} is whole" if current else "there is none before it"
        )
        raise NotSaved(
            f"no checkpoint of step {checkpoint.position.step} ({before}): {reason}"
        ) from error
    if current is not None:
        _remove_generation(folder / current["generation"])


def load(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Checkpoint:
    """Restores model, optimizer and random states. Call it last, right before `train`.

    Raises:
        InputError: no checkpoint, a damaged or truncated one, one of a newer format or of another
            model.
    """
    if not exists(folder):
        raise InputError(
            f"{folder}: no checkpoint to resume from; leave out {option_name('resume')} to "
            "start anew"
        )
    manifest = _read_manifest(folder)
    generation = folder / manifest["generation"]
    for name in FILES:
        _verify(generation / name, manifest["files"][name])
    load_unique_state(
        model, load_weights(generation / "model.safetensors"), str(generation / "model.safetensors")
    )
    loaded = load_weights(generation / "optimizer.safetensors")
    # copies: tensors mapped from the file would keep it on the disk after its removal
    tensors = {name: tensor.clone() for name, tensor in loaded.items()}
    state = json.loads((generation / "state.json").read_text(encoding="utf-8"))
    restore_optimizer(model, optimizer, tensors, state["optimizer"], generation)
    carried_state = [tensors[f".carried:{number}"] for number in range(state["carried"])]
    restore_random_state(tensors, state["random"])
    position = Position(**state["position"])
    return Checkpoint(position, state["seconds"], state["scores"], carried_state, state["counters"])


def read_counters(folder: Path) -> dict[str, Any]:
    """What the caller counted, of the checkpoint in `folder`; empty where there is none to read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        generation = manifest["generation"]
        if generation not in GENERATIONS:
            return {}
        found = json.loads((folder / generation / "state.json").read_bytes())["counters"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}  # `load` says what is wrong with it
    return found if isinstance(found, dict) else {}


def remove(folder: Path) -> None:
    """Removes the checkpoint in `folder`, and nothing else."""
    remove_files(folder, re.compile(re.escape(MANIFEST)))
    for generation in GENERATIONS:
        _remove_generation(folder / generation)


def is_checkpoint_folder(folder: Path) -> bool:
    """Whether `folder` has a manifest that `save` has written, sound and of any version."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return isinstance(manifest["format"], int) and manifest["generation"] in GENERATIONS
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _remove_generation(folder: Path) -> None:
    """Removes the files of a generation, and its folder if nothing else is in it."""
    with suppress(OSError):
        remove_files(folder, FILE_NAMES)
        remove_folder_if_empty(folder)


def _write_generation(
    new: Path, model: nn.Module, optimizer: torch.optim.Optimizer, checkpoint: Checkpoint
) -> None:
    tensors, scalars = collect_optimizer_state(model, optimizer)
    random_tensors, random_scalars = collect_random_state()
    carried = {
        f".carried:{number}": tensor for number, tensor in enumerate(checkpoint.carried_state)
    }
    state = {
        "position": checkpoint.position._asdict(),
        "seconds": checkpoint.seconds,
        "scores": checkpoint.scores,
        "carried": len(carried),
        "options": {},  # earlier versions of the program expect it
        "counters": checkpoint.counters,
        "optimizer": scalars,
        "random": random_scalars,
    }
    save_weights(new / "model.safetensors", unique_state(model))
    save_weights(new / "optimizer.safetensors", tensors | random_tensors | carried)
    write_atomically(new / "state.json", json.dumps(state).encode())


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        version = manifest["format"]
        if isinstance(version, int) and version > FORMAT:
            raise InputError(
                f"{path}: format {version} is newer than this version of ostinato reads "
                f"({FORMAT}); upgrade ostinato"
            )
        sound = manifest["generation"] in GENERATIONS and isinstance(manifest["step"], int)
        sound = sound and all(
            {"bytes", "sha256"} <= manifest["files"][name].keys() for name in FILES
        )
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise InputError(
            f"{path}: damaged; leave out {option_name('resume')} and choose another "
            f"{option_name('out')} to train anew"
        )
    return manifest


def _verify(path: Path, written: Mapping[str, Any]) -> None:
    if not path.is_file():
        raise InputError(
            f"{path}: missing, though manifest.json names it; copy the run again or train anew"
        )
    size = path.stat().st_size
    if size != written["bytes"]:
        what = "truncated" if size < written["bytes"] else "damaged"
        raise InputError(
            f"{path}: {what}: {size:,} bytes, {written['bytes']:,} were written; "
            "copy the run again or train anew"
        )
    if sha256(path) != written["sha256"]:
        raise InputError(
            f"{path}: damaged (its checksum is not the manifest's); "
            "copy the run again or train anew"
        )
