"""Folders of examples: one folder a class with a file an example, or one file a class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ostinato.data.files.array_names import ORDER, PART_OF
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path
from ostinato.data.images.images import is_image
from ostinato.data.images.labelled_images import read_pixels
from ostinato.errors import InputError
from ostinato.notices import notify

LEFT_OVER = ("__macosx", "thumbs.db", "desktop.ini")  # what systems leave in folders, lower-case
Found = tuple[str | np.ndarray, str, str]  # a text or pixels, its label, its place for messages


def is_left_over(path: Path) -> bool:
    """Whether a file or folder is hidden, or one that a system has left."""
    return path.name.startswith(".") or path.name.lower() in LEFT_OVER


def list_files(folder: Path) -> list[Path]:
    """The files in a folder and in those inside of it, sorted, without what systems leave."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(is_left_over(folder / part) for part in path.relative_to(folder).parts)
    )


def choose_part(folder: FilePath, *, training: bool) -> FilePath:
    """The folder `train` or `test` inside of a folder that holds nothing but such parts.

    Args:
        folder: or a file, which is given back.
        training: which of the two is meant.
    """
    path = Path(folder)
    if not path.is_dir():
        return folder
    inside = [each for each in sorted(path.iterdir()) if each.is_dir() and not is_left_over(each)]
    parts = {PART_OF.get(each.name.lower(), ""): each for each in inside}
    if not inside or "" in parts or len(parts) < 2:
        return folder
    chosen = next(parts[part] for part in ORDER[training] if part in parts)
    notify(f"{display_path(folder)}: read is its folder {chosen.name}")
    return chosen


def read_class_folder(folder: Path) -> Iterator[Found]:
    """One folder a class with a text or an image a file, or one file a class with a text a line.

    Images directly in the folder have its name as their label. Beside images nothing else is read:
    it is counted. What systems leave in folders (.DS_Store, Thumbs.db, __MACOSX) is no example."""
    inside = [path for path in sorted(folder.iterdir()) if not is_left_over(path)]
    if not inside:
        raise InputError(
            f"{folder}: an empty folder; expected one folder a class, or one file a class"
        )
    classes = [path for path in inside if path.is_dir()]
    files = {path: list_files(path) for path in classes}
    direct = [path for path in inside if path.is_file()]
    pictures = any(is_image(file) for group in (direct, *files.values()) for file in group)
    if pictures:
        files = files or {folder: direct}
        for path, group in files.items():
            if group and not any(map(is_image, group)):
                raise InputError(
                    f"{display_path(folder)}: texts and images cannot be mixed; "
                    f"there is no picture in {path.name}"
                )
        other = sum(not is_image(file) for group in files.values() for file in group)
        if other:
            what = "file that is no picture" if other == 1 else "files that are no pictures"
            notify(f"{display_path(folder)}: {other:,} {what} left out")
    for path, group in files.items():
        for file in group:
            if is_image(file):
                yield read_pixels(str(file)), path.name, str(file)
            elif not pictures:
                yield " ".join(" ".join(iterate_lines(file)).split()), path.name, str(file)
    for path in direct if not classes and not pictures else ():
        yield from read_class(path)


def read_class(file: Path) -> Iterator[Found]:
    """A text a line; the label is the file's name without its ending: "French.txt" -> "French"."""
    label = file.name.removesuffix(".gz").removesuffix(".txt")
    for number, line in enumerate(iterate_lines(file), start=1):
        if line.strip():
            yield line, label, f"{file}:{number}"
