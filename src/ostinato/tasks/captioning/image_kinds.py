"""The four kinds of image input, and the check that all images of a data set are of one kind."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from ostinato.data.images.picture import Picture
from ostinato.errors import InputError

KindName = Literal["pictures", "clips", "regions", "steps"]
DESCRIPTIONS: dict[str, str] = {
    "pictures": "pictures",
    "clips": "clips",
    "regions": "images as features",
    "steps": "clips as features",
}


class ImageKind(NamedTuple):
    """ImageKind("regions", 2048)

    Args:
        name: "pictures", "clips" (frames of pixels), "regions", or "steps" (features of frames).
        size: Channels of pixels [T, C, H, W], or dimensions of features [R, D].
    """

    name: KindName
    size: int


def kind_of(values: np.ndarray, *, ordered: bool) -> ImageKind:
    """The kind of an image by its values [T, C, H, W] or [R, D]; `ordered`: dimension 0 is time."""
    if values.ndim == 2:
        return ImageKind("steps" if ordered else "regions", values.shape[1])
    return ImageKind("clips" if ordered else "pictures", values.shape[1])


def check_kind(record: Picture, found: ImageKind, wanted: ImageKind, owner: str) -> None:
    """Raises InputError for an image of another kind, or of other dimensions, than wanted.

    Args:
        record: The image, for the message.
        found: Its kind.
        wanted: The kind that it should have.
        owner: What has the wanted kind, for the message: "the first one has".
    """
    where = record.where or "the image"
    if found.name != wanted.name:
        raise InputError(
            f"{where}: {found.name}, but {owner} {wanted.name}; give images of one kind"
        )
    if found.size != wanted.size:
        raise InputError(f"{where}: {found.size:,} features, but {owner} {wanted.size:,}")


def name_of(record: Picture) -> str:
    """The file of an image, or the position in a file that it comes from."""
    return record.image if isinstance(record.image, str) else record.where


def is_blank(record: Picture) -> bool:
    """Whether a record names no image, as a blank line of a list does."""
    return isinstance(record.image, str) and not record.image.strip()
