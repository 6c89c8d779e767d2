"""Removing files that a run has written, and nothing else that lies in the same folder."""

from __future__ import annotations

import re
from pathlib import Path

from ostinato.data.files.atomic import TEMPORARY


def remove_files(folder: Path, names: re.Pattern[str]) -> None:
    """Removes the files in `folder` whose names match, and what a killed process left of writing
    them. Folders, and files of other names, stay."""
    if not folder.is_dir():
        return
    for path in list(folder.iterdir()):
        temporary = TEMPORARY.fullmatch(path.name)
        name = temporary[1] if temporary else path.name
        if names.fullmatch(name) and (path.is_file() or path.is_symlink()):
            path.unlink(missing_ok=True)


def remove_folder_if_empty(folder: Path) -> None:
    """Removes the folder unless it holds anything."""
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()
