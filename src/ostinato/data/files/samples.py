"""The small, real, freely licensed data that the package carries, one folder a task."""

from __future__ import annotations

from pathlib import Path

from ostinato.errors import InputError, nearest

FOLDER = Path(__file__).parents[2] / "samples"
PARTS = ("train", "dev", "test")


def sample(task: str) -> dict[str, Path]:
    """sample("translation")["train"] -> .../samples/translation/train.tsv.gz; where from and under which licence
    stands in LICENSE.txt beside it. InputError: a task without a sample."""
    known = (
        sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir())
        if FOLDER.is_dir()
        else []
    )
    if task not in known:
        raise InputError(f"there is no sample for {task!r}{nearest(task, known)}; give --train")
    found = {part: next((FOLDER / task).glob(f"{part}.*"), None) for part in PARTS}
    return {part: path for part, path in found.items() if path is not None}
