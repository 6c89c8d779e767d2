"""Pictures in `.npz` files: arrays of images, features or frames, with lengths, names, captions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ostinato.data.files.npz import (
    list_arrays,
    load_arrays,
    put_channels_last,
    split_series,
    trim_padding,
)
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path
from ostinato.data.images.picture import Picture
from ostinato.errors import InputError

CONTENTS = ("images", "features", "frames")  # what an .npz may hold, one of these


ARRAYS = (*CONTENTS, "lengths", "names", "captions")


def read_features(file: FilePath) -> dict[str, np.ndarray]:
    """The features of named images: name -> [R, D].

    Raises:
        InputError: no names, or a name twice.
    """
    arrays = load_arrays(file, ARRAYS)
    if "features" not in arrays or "names" not in arrays or arrays["names"].ndim != 1:
        raise InputError(
            f"{display_path(file)}: expected arrays features [N, D] or [N, R, D] and names [N]; "
            f"got {', '.join(arrays) or 'none'}"
        )
    names = [str(name) for name in arrays["names"].tolist()]
    found = [image for image, *_ in check_arrays(arrays, file)]
    if len(names) != len(found) or len(set(names)) != len(names):
        raise InputError(
            f"{display_path(file)}: names must be one for each of {len(found):,} images, each "
            f"once; got {len(names):,}, {len(set(names)):,} different ones"
        )
    return dict(zip(names, found, strict=True))


def read_picture_arrays(file: FilePath) -> Iterator[Picture]:
    """The images, features or frames of an .npz file.

    Raises:
        InputError: none or two of these, another shape, NaN, Python objects.
    """
    arrays = load_arrays(file, ARRAYS)
    for image, captions, where, ordered in check_arrays(arrays, file):
        yield Picture(image, captions, where, ordered)


def check_arrays(
    arrays: dict[str, np.ndarray], file: FilePath
) -> Iterator[tuple[np.ndarray, tuple[str, ...], str, bool]]:
    """(image, captions, where, ordered) of each image in the arrays of an .npz file."""
    held = [name for name in CONTENTS if name in arrays]
    if len(held) != 1:
        raise InputError(
            f"{display_path(file)}: expected one array of images, features or frames; "
            f"got {' and '.join(held) or f'none of them among {list_arrays(file)}'}"
        )
    kind, values = held[0], arrays[held[0]]
    if values.dtype.kind not in "fiub" or values.ndim < 2:
        raise InputError(
            f"{display_path(file)}: {kind} must be numbers [N, ...]; "
            f"got {values.dtype} of shape {list(values.shape)}"
        )
    if kind == "images":
        values = put_channels_last(values, file, axes=4)
    elif kind == "frames":
        concatenated = "lengths" in arrays and arrays["lengths"].size != len(values)
        values = put_channels_last(values, file, axes=4 if concatenated else 5)
    rows = (
        split_series(values, arrays.get("lengths"), file, name=kind)
        if kind != "images"
        else list(values)
    )
    if "lengths" not in arrays and kind != "images" and values.ndim > 2:
        rows = trim_padding(rows, file)
    captions = read_captions(arrays, len(rows), file)
    noun = "clip" if kind == "frames" else kind.removesuffix("s")
    for number, (one, texts) in enumerate(zip(rows, captions, strict=True), start=1):
        where = f"{display_path(file)}: {noun} {number}"
        yield check_image(one, kind, where), texts, where, kind == "frames"


def check_image(values: np.ndarray, kind: str, where: str) -> np.ndarray:
    """One image's values in the shape that a record has them in."""
    if not values.size:
        raise InputError(f"{where}: has nothing in it; remove it")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        index = ", ".join(str(int(index) + 1) for index in np.argwhere(~np.isfinite(values))[0])
        raise InputError(
            f"{where}: the value at [{index}] is not a finite number; fill it in or remove it"
        )
    if kind == "features" or (kind == "frames" and values.ndim <= 2):
        if values.ndim > 2:
            raise InputError(
                f"{where}: features must be [D], or of regions [R, D]; "
                f"got shape {list(values.shape)}"
            )
        shape = (1, -1) if kind == "features" and values.ndim == 1 else (len(values), -1)
        return np.asarray(values, dtype=np.float32).reshape(shape)
    return values[..., None] if kind == "images" and values.ndim == 2 else values


def read_captions(
    arrays: Mapping[str, np.ndarray], number: int, file: FilePath
) -> list[tuple[str, ...]]:
    """The captions of each of `number` images, () where the file has none."""
    if "captions" not in arrays:
        return [()] * number
    given = arrays["captions"]
    if given.ndim not in (1, 2) or len(given) != number or given.dtype.kind not in "US":
        raise InputError(
            f"{display_path(file)}: captions must be text [N] or [N, K] for {number:,} images; "
            f"got {given.dtype} of shape {list(given.shape)}"
        )
    rows = [[row] if isinstance(row, str | bytes) else row for row in given.tolist()]
    texts = [
        [each.decode(errors="replace") if isinstance(each, bytes) else each for each in row]
        for row in rows
    ]
    return [tuple(" ".join(text.split()) for text in row if text.strip()) for row in texts]
