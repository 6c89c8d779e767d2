"""Averages of checkpoints: the mean of the weights of the last or the best ones generalises better than each of them.

keep(folder, model, step=1200, score=31.5, count=5, which="best")     after each dev score
model.load_state_dict(average([kept.path for kept in chosen(folder, 5, "best")]), strict=False)"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, NamedTuple

from torch import Tensor, nn

from ostinato.data.files.atomic import write_atomically
from ostinato.data.files.safetensors_io import load_weights, save_weights, unique_state
from ostinato.errors import InputError

Which = Literal["best", "last"]


class Kept(NamedTuple):
    """Weights kept for averaging: where, of which step, with which dev score (larger is better)."""

    path: Path
    step: int
    score: float


def keep(
    folder: Path, model: nn.Module, *, step: int, score: float, count: int, which: Which
) -> None:
    """Write the weights to folder/average-STEP.safetensors; remove those that are among the `count` no longer.

    The best one always stays. Those of later steps, left by a run that was killed and resumed before them, go."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"average-{step:08}.safetensors"
    save_weights(path, unique_state(model))
    before = [one for one in kept(folder) if one.step < step]
    remaining = _choose([*before, Kept(path, step, score)], count, which)
    index = [{"file": one.path.name, "step": one.step, "score": one.score} for one in remaining]
    write_atomically(folder / "averages.json", json.dumps(index, indent=1).encode())
    for old in folder.glob("average-*.safetensors"):
        if old not in [one.path for one in remaining]:
            old.unlink()


def kept(folder: Path) -> list[Kept]:
    """All that are kept in `folder`, by step."""
    index = folder / "averages.json"
    if not index.is_file():
        return []
    try:
        entries = [
            (str(one["file"]), int(one["step"]), float(one["score"]))
            for one in json.loads(index.read_bytes())
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"{index}: damaged; train anew, or remove it to do without the averages so far"
        ) from None
    return [Kept(folder / Path(name).name, step, score) for name, step, score in entries]


def chosen(folder: Path, count: int, which: Which) -> list[Kept]:
    """The `count` best or last of those kept (fewer, if there are fewer); the best one first or the last one first."""
    return _ranked(kept(folder), which)[:count]


def best(folder: Path) -> Kept | None:
    """The one with the best dev score; of equals the last, which has learned longest (a small dev set has many equals)."""
    return next(iter(chosen(folder, 1, "best")), None)


def average(paths: list[Path]) -> dict[str, Tensor]:
    """The mean of the weights in several files, computed in double precision; counters come from the first file."""
    if not paths:
        raise ValueError("paths: at least one file is needed; got none")
    first = load_weights(paths[0])
    total = {name: tensor.double() for name, tensor in first.items() if tensor.is_floating_point()}
    for path in paths[1:]:
        weights = load_weights(path)
        for name, tensor in first.items():
            if (
                name not in weights
                or weights[name].shape != tensor.shape
                or len(weights) != len(first)
            ):
                raise InputError(
                    f"{path}: cannot be averaged with {paths[0]}: '{name}' differs; another model made it"
                )
            if name in total:
                total[name] += weights[name]
    return first | {
        name: (tensor / len(paths)).to(first[name].dtype) for name, tensor in total.items()
    }


def _ranked(candidates: list[Kept], which: Which) -> list[Kept]:
    return sorted(
        candidates, key=lambda one: (-one.score, -one.step) if which == "best" else -one.step
    )


def _choose(candidates: list[Kept], count: int, which: Which) -> list[Kept]:
    remaining = {*_ranked(candidates, which)[:count], *_ranked(candidates, "best")[:1]}
    return sorted(remaining, key=lambda one: one.step)
