"""Checkpoint averaging: the mean of the last or the best weights generalises better than each.

save_candidate(folder, model, step=1200, score=31.5, count=5, which="best")   # after an evaluation
saved = select_candidates(folder, 5, "best")
model.load_state_dict(average_weights([each.path for each in saved]), strict=False)"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal, NamedTuple

from torch import Tensor, nn

from ostinato.data.files.atomic import write_atomically
from ostinato.data.files.weights_file import load_weights, save_weights, unique_state
from ostinato.errors import InputError

Which = Literal["best", "last"]
INDEX = "averages.json"
WEIGHTS_FILE = re.compile(r"average-\d{8,}\.safetensors")


class SavedWeights(NamedTuple):
    """Weights saved for averaging: their file, step and dev score (larger is better)."""

    path: Path
    step: int
    score: float


def save_candidate(
    folder: Path, model: nn.Module, *, step: int, score: float, count: int, which: Which
) -> None:
    """Saves the weights as folder/average-STEP.safetensors, and deletes weights that have fallen
    out of the top `count`.

    The best ones always stay. Weights of later steps, left by a run that was killed and resumed
    from an earlier checkpoint, are deleted."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"average-{step:08}.safetensors"
    save_weights(path, unique_state(model))
    before = [saved for saved in list_candidates(folder) if saved.step < step]
    remaining = _choose([*before, SavedWeights(path, step, score)], count, which)
    index = [
        {"file": saved.path.name, "step": saved.step, "score": saved.score} for saved in remaining
    ]
    write_atomically(folder / INDEX, json.dumps(index, indent=1).encode())
    names = {saved.path.name for saved in remaining}
    for old in list(folder.iterdir()):
        if WEIGHTS_FILE.fullmatch(old.name) and old.name not in names:
            old.unlink()


def remove_all_but_best(folder: Path) -> None:
    """Deletes the saved weights that a finished run no longer needs.

    The best ones stay: a run that is resumed compares with them."""
    best = best_candidate(folder)
    if best is None:
        return
    index = [{"file": best.path.name, "step": best.step, "score": best.score}]
    write_atomically(folder / INDEX, json.dumps(index, indent=1).encode())
    for old in list(folder.iterdir()):
        if WEIGHTS_FILE.fullmatch(old.name) and old.name != best.path.name:
            old.unlink()


def list_candidates(folder: Path) -> list[SavedWeights]:
    """All saved weights in `folder`, by step.

    Raises:
        InputError: the index is damaged.
    """
    index = folder / INDEX
    if not index.is_file():
        return []
    try:
        entries = [
            (str(entry["file"]), int(entry["step"]), float(entry["score"]))
            for entry in json.loads(index.read_bytes())
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"{index}: damaged; train anew, or remove it to do without the averages so far"
        ) from None
    return [SavedWeights(folder / Path(name).name, step, score) for name, step, score in entries]


def select_candidates(folder: Path, count: int, which: Which) -> list[SavedWeights]:
    """The `count` best or last saved weights (fewer, if there are fewer), best or last first."""
    return _rank(list_candidates(folder), which)[:count]


def best_candidate(folder: Path) -> SavedWeights | None:
    """The saved weights with the best dev score; the last of equal ones, which were trained longest
    (a small dev set has many equal scores)."""
    return next(iter(select_candidates(folder, 1, "best")), None)


def average_weights(paths: list[Path]) -> dict[str, Tensor]:
    """The mean of the weights in several files, computed in double precision.

    Integers, such as counters, come from the first file.

    Raises:
        InputError: the files are not of one model.
    """
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
                    f"{path}: cannot be averaged with {paths[0]}: '{name}' differs; "
                    "another model made it"
                )
            if name in total:
                total[name] += weights[name]
    return first | {
        name: (tensor / len(paths)).to(first[name].dtype) for name, tensor in total.items()
    }


def _rank(candidates: list[SavedWeights], which: Which) -> list[SavedWeights]:
    def key(saved: SavedWeights) -> tuple[float, int]:
        return (-saved.score if which == "best" else 0.0), -saved.step

    return sorted(candidates, key=key)


def _choose(candidates: list[SavedWeights], count: int, which: Which) -> list[SavedWeights]:
    """Those to keep: the `count` best or last, and the best of all."""
    remaining = {*_rank(candidates, which)[:count], *_rank(candidates, "best")[:1]}
    return sorted(remaining, key=lambda saved: saved.step)
