"""The default files of commands: those that a run was tested on."""

from __future__ import annotations

from pathlib import Path

from ostinato.data.files.samples import sample_files
from ostinato.errors import InputError
from ostinato.tasks.run_folder import Trained, read_json


def tested_files(trained: Trained, otherwise: str, *, any_examples: bool = False) -> list[str]:
    """The files of the run's test set or dev set, or the packaged test set if it was trained on the
    sample.

    Args:
        trained: the run
        otherwise: the message of the InputError if these files do not exist
        any_examples: whether training files are acceptable
    """
    plan = trained.folder / "training" / "plan.json"
    saved = read_json(plan) if plan.is_file() else {}
    files = (
        saved.get("test")
        or saved.get("dev")
        or (
            []
            if saved.get("train")
            else [str(sample_files(trained.task.definition.sample)["test"])]
        )
    )
    if any_examples and not files:
        files = saved["train"]
    if not files or not all(Path(file).exists() for file in files):
        raise InputError(otherwise)
    return files
