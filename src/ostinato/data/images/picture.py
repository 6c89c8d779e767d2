"""A picture with its captions, and the value of white in the pixels of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ostinato.data.images.pixel_range import decide_pixel_maximum
from ostinato.errors import InputError


class Picture(NamedTuple):
    """Picture("photos/cat.jpg", ("a cat", "a sleeping cat"), "train.tsv:7")

    Attributes:
        image: a file (or a part of one), or an array: pixels [H, W, C] of any type, features of
            regions [R, D], or in their order frames [T, H, W, C] of pixels or features of frames
            [T, D]; features are float32.
        captions: of the image.
        where: its place for messages.
        ordered: whether the first dimension of `image` is time.
    """

    image: str | np.ndarray
    captions: tuple[str, ...] = ()
    where: str = ""
    ordered: bool = False

    @property
    def has_pixels(self) -> bool:
        """Whether the image is an array of pixels, not a file and not features."""
        image = self.image
        return not isinstance(image, str) and (image.ndim > 2 or image.dtype.kind != "f")


def find_pixel_maximum(records: Sequence[Picture]) -> float | None:
    """The value of white in the arrays of records that belong together, as of
    `decide_pixel_maximum`; None where there are no arrays of pixels."""
    arrays = [record for record in records if record.has_pixels]
    if not arrays:
        return None
    try:
        return decide_pixel_maximum(np.asarray(record.image) for record in arrays)
    except InputError:
        for record in arrays:
            decide_pixel_maximum([np.asarray(record.image)], record.where or "the image")
        raise
