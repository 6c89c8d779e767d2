"""Checkpoints: all that a killed run needs in order to go on as if it had never been killed.

    RUN/training/manifest.json               format version, step, which generation is the current one, its checksums
    RUN/training/{a,b}/model.safetensors     the weights
    RUN/training/{a,b}/optimizer.safetensors its tensors, the random state, the recurrent state carried between batches
    RUN/training/{a,b}/state.json            everything that is not a tensor

A new checkpoint goes into the generation that is not the current one; the manifest is replaced last. A kill, a power
cut or a full disk at any moment therefore leaves the checkpoint before it whole. Nothing that is loaded can execute."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data.files.atomic import sha256, sync_folder, write_atomically
from ostinato.data.files.safetensors_io import (
    load_unique_state,
    load_weights,
    save_weights,
    unique_state,
)
from ostinato.errors import InputError
from ostinato.training.adam import Adam
from ostinato.training.loop import Position

FORMAT = 1  # raise it when an older version could not read a newer checkpoint
GENERATIONS = ("a", "b")
FILES = ("model.safetensors", "optimizer.safetensors", "state.json")


class NotSaved(InputError):
    """A checkpoint could not be written (disk full, no permission); the one before it is whole."""


@dataclass
class Checkpoint:
    """What a run knows of itself besides its model and its optimizer.

    position  where to start: `Progress.position`
    seconds   spent training so far
    scores    dev scores so far, larger is better
    carried   `leaves(Progress.state)`, for batches that continue
    options   those that the run was started with, to tell what has changed since
    counters  whatever else the caller counts; anything that JSON can hold"""

    position: Position
    seconds: float = 0.0
    scores: list[float] = field(default_factory=list)
    carried: list[Tensor] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    counters: dict[str, Any] = field(default_factory=dict)


def exists(folder: Path) -> bool:
    """Whether there is a checkpoint in `folder` (RUN/training) to resume from."""
    return (folder / "manifest.json").is_file()


def save(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, checkpoint: Checkpoint
) -> None:
    """Replace the checkpoint in `folder` (RUN/training) by this moment's, random states included, in one move.

    Raises NotSaved, one line, when it cannot be written; the checkpoint before it can still be loaded then."""
    current = _read_manifest(folder) if exists(folder) else None
    generation = GENERATIONS[current is not None and current["generation"] == GENERATIONS[0]]
    new = folder / generation
    try:
        shutil.rmtree(new, ignore_errors=True)  # what an interrupted save may have left
        new.mkdir(parents=True)
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
        write_atomically(folder / "manifest.json", json.dumps(manifest, indent=1).encode())
    except (InputError, OSError) as error:
        shutil.rmtree(new, ignore_errors=True)
        reason = (
            f"{folder}: cannot be written: {error.strerror}"
            if isinstance(error, OSError)
            else str(error)
        )
        kept = (
            f"the one of step {current['step']} is whole" if current else "there is none before it"
        )
        raise NotSaved(
            f"no checkpoint of step {checkpoint.position.step} ({kept}): {reason}"
        ) from error
    if current is not None:
        shutil.rmtree(folder / current["generation"], ignore_errors=True)


def load(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Checkpoint:
    """Put model, optimizer and random states back as they were saved. Call it last, right before `train`.

    Raises InputError: no checkpoint, a damaged or truncated one, one of a newer format or of another model."""
    if not exists(folder):
        raise InputError(
            f"{folder}: no checkpoint to resume from; leave out --resume to start anew"
        )
    manifest = _read_manifest(folder)
    generation = folder / manifest["generation"]
    for name in FILES:
        _verify(generation / name, manifest["files"][name])
    load_unique_state(
        model, load_weights(generation / "model.safetensors"), str(generation / "model.safetensors")
    )
    loaded = load_weights(generation / "optimizer.safetensors")
    tensors = {
        name: tensor.clone() for name, tensor in loaded.items()
    }  # mapped ones would hold the file, once removed
    state = json.loads((generation / "state.json").read_text(encoding="utf-8"))
    _restore_optimizer(model, optimizer, tensors, state["optimizer"], generation)
    carried = [tensors[f".carried:{number}"] for number in range(state["carried"])]
    _restore_random(tensors, state["random"])
    position = Position(**state["position"])
    return Checkpoint(
        position, state["seconds"], state["scores"], carried, state["options"], state["counters"]
    )


def changed(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """changed({"learning_rate": 0.7}, {"learning_rate": 0.1}) -> ["--learning-rate was 0.7 and is now 0.1"]"""
    names = [*saved, *(name for name in now if name not in saved)]
    return [
        f"--{name.replace('_', '-')} was {saved.get(name)} and is now {now.get(name)}"
        for name in names
        if saved.get(name) != now.get(name)
    ]


def _write_generation(
    new: Path, model: nn.Module, optimizer: torch.optim.Optimizer, checkpoint: Checkpoint
) -> None:
    tensors, scalars = _optimizer_state(model, optimizer)
    random_tensors, random_scalars = _random_state()
    carried = {f".carried:{number}": tensor for number, tensor in enumerate(checkpoint.carried)}
    state = {
        "position": checkpoint.position._asdict(),
        "seconds": checkpoint.seconds,
        "scores": checkpoint.scores,
        "carried": len(carried),
        "options": checkpoint.options,
        "counters": checkpoint.counters,
        "optimizer": scalars,
        "random": random_scalars,
    }
    save_weights(new / "model.safetensors", unique_state(model))
    save_weights(new / "optimizer.safetensors", tensors | random_tensors | carried)
    write_atomically(new / "state.json", json.dumps(state).encode())


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
        version = manifest["format"]
        if isinstance(version, int) and version > FORMAT:
            raise InputError(
                f"{path}: format {version} is newer than this version of ostinato reads ({FORMAT}); upgrade ostinato"
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
            f"{path}: damaged; leave out --resume and choose another --out to train anew"
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
            f"{path}: {what}: {size:,} bytes, {written['bytes']:,} were written; copy the run again or train anew"
        )
    if sha256(path) != written["sha256"]:
        raise InputError(
            f"{path}: damaged (its checksum is not the manifest's); copy the run again or train anew"
        )


def _parts(optimizer: torch.optim.Optimizer) -> list[torch.optim.Optimizer]:
    """The torch optimizers of which it consists: mostly itself alone."""
    return list(getattr(optimizer, "parts", [optimizer]))


def _optimizer_state(
    model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The optimizer's tensors as "name of the parameter:name of the tensor", and its numbers, under the same names.

    (No parameter's name begins with a dot: what does is not the optimizer's.)"""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    tensors: dict[str, Tensor] = {}
    values: dict[str, Any] = {}
    for part in _parts(optimizer):
        if isinstance(part, Adam):
            part.settle()
        for parameter, entries in part.state.items():
            for key, value in entries.items():
                (tensors if isinstance(value, Tensor) else values)[
                    f"{names[id(parameter)]}:{key}"
                ] = value
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    return tensors, {"kind": _kind(optimizer), "values": values, "learning_rates": rates}


def _kind(optimizer: torch.optim.Optimizer) -> str:
    return " and ".join(type(part).__name__ for part in _parts(optimizer))


def _restore_optimizer(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    tensors: dict[str, Tensor],
    saved: dict[str, Any],
    where: Path,
) -> None:
    if saved["kind"] != _kind(optimizer):
        raise InputError(
            f"{where}: its --optimizer is {saved['kind']}, this run's is {_kind(optimizer)}; resume with the same one"
        )
    entries: dict[str, dict[str, Any]] = {}
    for name, value in [*tensors.items(), *saved["values"].items()]:
        parameter, _, key = name.rpartition(":")
        entries.setdefault(parameter, {})[key] = value
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for part in _parts(optimizer):
        parameters = [parameter for group in part.param_groups for parameter in group["params"]]
        state = {
            i: entries[names[id(p)]] for i, p in enumerate(parameters) if names[id(p)] in entries
        }
        part.load_state_dict({"state": state, "param_groups": part.state_dict()["param_groups"]})
    groups = [group for part in _parts(optimizer) for group in part.param_groups]
    optimizer.param_groups = groups  # load_state_dict has replaced them: they are shared again
    for group, rate in zip(groups, saved["learning_rates"], strict=True):
        group["lr"] = rate


def _random_state() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The random states of Python, numpy and torch (each device): tensors and JSON."""
    tensors = {".random:torch": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        tensors |= {
            f".random:cuda {i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())
        }
    kind, keys, *rest = np.random.get_state()
    return tensors, {"python": random.getstate(), "numpy": [kind, keys.tolist(), *rest]}


def _restore_random(tensors: dict[str, Tensor], saved: dict[str, Any]) -> None:
    version, words, gauss = saved["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, *rest = saved["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(tensors[".random:torch"])
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            if f".random:cuda {number}" in tensors:
                torch.cuda.set_rng_state(tensors[f".random:cuda {number}"], number)
