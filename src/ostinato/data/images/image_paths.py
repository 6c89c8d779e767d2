"""The images that a table or a list names: by a path, or among named features."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ostinato.data.files.streams import FilePath, cannot_open
from ostinato.data.files.wording import quote
from ostinato.data.images.images import split_part
from ostinato.errors import InputError, option_name

Features = Mapping[str, np.ndarray]  # of named images


NUMBERED = re.compile(r"(.+)#[0-9]{1,2}")  # an image, and which of its captions


def find_image(
    name: str, file: FilePath, where: str, features: Features | None, folder: str | None
) -> str | np.ndarray:
    """The image that a file names: a path from `folder` or the file's own, or its features."""
    if not name:
        return ""
    if features is not None:
        return find_features(name, features, where)
    found = resolve_image_path(name, file, folder)
    path = split_part(found)[0]
    try:
        missing = not Path(path).is_file()
    except (OSError, ValueError) as error:  # a name of thousands of characters, or with a zero
        raise InputError(f"{where}: {cannot_open(path[:200], error)}") from None
    numbered = NUMBERED.fullmatch(name)
    if missing and numbered:  # Flickr8k's list has a line a caption: a.jpg#0
        return find_image(numbered[1], file, where, features, folder)
    if missing:
        remedy = "" if folder else f"; another folder of images: {option_name('image_folder')}"
        raise InputError(f"{where}: {cannot_open(path, FileNotFoundError())}{remedy}")
    return found


def find_features(name: str, features: Features, where: str) -> np.ndarray:
    """An image's features by its name, or by the last part of its path."""
    bare = NUMBERED.sub(r"\1", name)
    for each in (name, bare, Path(bare).name, Path(bare).stem):
        if each in features:
            return features[each]
    raise InputError(
        f"{where}: no image {quote(name)} among the {len(features):,} names "
        f"of {option_name('features')}"
    )


def resolve_image_path(name: str, table: FilePath, folder: str | None = None) -> str:
    """A path seen from `folder`, or from the folder of the file that names it.

    resolve_image_path("a.png", "data/train.tsv") -> "data/a.png" """
    if folder is not None and not Path(name).is_absolute():
        return str(Path(folder) / name)
    return name if str(table) == "-" or Path(name).is_absolute() else str(Path(table).parent / name)


def find_listed(
    name: str, file: FilePath, features: Features | None, where: str, folder: str | None
) -> str | np.ndarray:
    """An image on a line of a list: a name among the features, or a path.

    Paths are seen from `folder` or the list's own, or from the working directory."""
    if features is not None and name:
        return find_features(name, features, where)
    other = resolve_image_path(name, file, folder) if name else ""
    try:
        return other if name and Path(split_part(other)[0]).is_file() else name
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: {cannot_open(name[:200], error)}") from None
