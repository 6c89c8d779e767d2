"""The small, real, freely licensed data that the package carries, one folder a task."""

from __future__ import annotations

from pathlib import Path

from ostinato.errors import InputError, nearest, option_name

FOLDER = Path(__file__).parents[2] / "samples"
PARTS = ("train", "dev", "test")


def sample_files(task: str) -> dict[str, Path]:
    """sample_files("translation")["train"] -> .../samples/translation/train.tsv.gz

    LICENSE.txt beside them names their sources and licences.

    Raises:
        InputError: a task without a sample.
    """
    known = (
        sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir())
        if FOLDER.is_dir()
        else []
    )
    if task not in known:
        raise InputError(
            f"there is no sample for {task!r}{nearest(task, known)}; give {option_name('train')}"
        )
    found = {part: next((FOLDER / task).glob(f"{part}.*"), None) for part in PARTS}
    return {part: path for part, path in found.items() if path is not None}
