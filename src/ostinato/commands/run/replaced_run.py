"""The run that `--overwrite` replaces: it is set aside, and removed once the new one is safe.

    RUN/replaced/     the whole previous run
    RUN/replacing/    some of its files, while they are moved there or back

The new run is safe once it has a checkpoint or a model. If it ends before that (a full disk, an
error), the previous one is restored. Files are renamed, which takes no space and no time; if the
process is killed meanwhile, the next command that trains in the folder completes the operation.
"""

from __future__ import annotations

from pathlib import Path

from ostinato.commands.run.progress import say
from ostinato.commands.run.run_files import (
    REPLACED,
    REPLACING,
    TRAINING,
    is_run,
    list_own_files,
    remove_run,
)
from ostinato.errors import InputError
from ostinato.training import checkpoint
from ostinato.training.file_removal import remove_folder_if_empty


def set_aside(folder: Path) -> None:
    """Moves the run that the folder holds, if any, to RUN/replaced.

    Raises:
        InputError: the user has a file or folder of this name.
    """
    for name in (REPLACED, REPLACING):
        if (folder / name).exists() or (folder / name).is_symlink():
            raise InputError(
                f"{folder / name}: in the way of the run that is replaced; move it elsewhere, or "
                "choose another --out"
            )
    if is_run(folder):
        move_files(folder, folder / REPLACING)
        (folder / REPLACING).rename(folder / REPLACED)


def settle(folder: Path) -> None:
    """Removes the run that was set aside if the new one is safe; else moves it back."""
    replaced, replacing = folder / REPLACED, folder / REPLACING
    if is_own(replaced):
        if is_safe(folder):
            remove_run(replaced)
            remove_folders(replaced)
        else:
            remove_run(folder)
            replaced.rename(replacing)
    if is_own(replacing):
        move_files(replacing, folder)
        remove_folders(replacing)
        say(f"{folder}: the new run was not saved; the previous one is restored")


def is_own(folder: Path) -> bool:
    """Whether this is a folder with files of a run only."""
    return folder.is_dir() and not folder.is_symlink() and bool(list_own_files(folder))


def is_safe(folder: Path) -> bool:
    """Whether the run can be resumed or used."""
    return checkpoint.exists(folder / TRAINING) or (folder / "model.safetensors").is_file()


def move_files(source: Path, target: Path) -> None:
    """Renames the files of a run, and nothing else, from one folder to another."""
    for path in list_own_files(source):
        moved = target / path.relative_to(source)
        moved.parent.mkdir(parents=True, exist_ok=True)
        path.rename(moved)


def remove_folders(folder: Path) -> None:
    """Removes the folders of a run that have become empty."""
    inside = [path for path in folder.rglob("*") if path.is_dir()]
    for path in [*sorted(inside, reverse=True), folder]:
        remove_folder_if_empty(path)
