"""Images with a label each: image files, and arrays of images in .npz.

Letters: N images, H high, W wide, C channels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ostinato.data.files.npz import (
    flatten_labels,
    is_npz,
    list_arrays,
    load_arrays,
    name_labels,
    put_channels_last,
)
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path
from ostinato.data.images.images import import_pillow, open_image, to_rgb
from ostinato.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGES = "images"  # the array of an .npz
LARGEST_SIDE = 128  # pixels of an image that are kept


def has_images(file: FilePath) -> bool:
    """Whether an .npz has an array of images."""
    return is_npz(file) and IMAGES in list_arrays(file).split(", ")


def read_pixels(file: str) -> np.ndarray:
    """An image file as [H, W, 3] of 0 to 1, no side longer than LARGEST_SIDE.

    Raises:
        InputError: Missing, damaged, no image.
    """
    return pixels_of(open_image(file, LARGEST_SIDE))


def pixels_of(image: Image) -> np.ndarray:
    """An image of Pillow's as [H, W, 3] of 0 to 1, no side longer than LARGEST_SIDE."""
    image = to_rgb(image)
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return np.asarray(image, dtype=np.float32) / 255


def as_image(values: object, where: str = "the input") -> np.ndarray:
    """Pixels [H, W] or [H, W, C] as float32 [H, W, C].

    Raises:
        InputError: Another shape, no numbers, one that is not finite.
    """
    try:
        with np.errstate(over="ignore"):
            pixels = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        pixels = np.zeros(0, np.float32)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not pixels.size:
        raise InputError(f"{where}: expected pixels [H, W] or [H, W, 3]")
    if not np.isfinite(pixels).all():
        raise InputError(f"{where}: a pixel is not a finite number")
    return pixels[..., :3]  # without transparency


def read_image_arrays(
    file: FilePath, *, training: bool = False
) -> Iterator[tuple[np.ndarray, str, str]]:
    """(pixels [H, W, C], label, place) of each image of an .npz; the label is "" without any.

        images [N, H, W] or [N, H, W, C];  y [N], labels: text, or numbers, which `labels` [C] names

    Raises:
        InputError: Another shape, labels that do not fit, pixels that are not finite.
    """
    arrays = load_arrays(file, (IMAGES, "y", "labels"), training=training)
    images, name = put_channels_last(arrays[IMAGES], file, axes=4), display_path(file)
    if images.dtype.kind not in "fiub" or images.ndim not in (3, 4):
        raise InputError(
            f"{name}: images must be numbers [N, H, W] or [N, H, W, C]; got {images.dtype} of "
            f"shape {list(images.shape)}"
        )
    labels = [""] * len(images)
    if "y" in arrays:
        y = flatten_labels(arrays["y"], len(images), file)
        if y.shape != (len(images),):
            raise InputError(f"{name}: {len(images):,} images, but y has shape {list(y.shape)}")
        labels = name_labels(y, arrays.get("labels"), file)
    for number, (image, label) in enumerate(zip(images, labels, strict=True), start=1):
        where = f"{name}: image {number}"
        yield as_image(image, where), label, where


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels [H, W, C] as [size[0], size[1], C], bilinear; of the same size as they are."""
    if pixels.shape[:2] == size:
        return pixels
    module = import_pillow()
    channels = [
        module.fromarray(np.ascontiguousarray(channel)).resize(
            size[::-1], module.Resampling.BILINEAR
        )
        for channel in pixels.astype(np.float32).transpose(2, 0, 1)
    ]
    return np.stack([np.asarray(channel) for channel in channels], -1)
