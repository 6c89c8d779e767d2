"""Clips of video, or features of their frames, with a label each or one a frame, from `.npz`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.npz import (
    flatten_labels,
    is_npz,
    list_arrays,
    load_arrays,
    name_labels,
    put_channels_last,
    split_series,
    trim_padding,
)
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path
from ostinato.data.images.pixel_range import decide_pixel_maximum
from ostinato.data.series.labelled_series import parse_series
from ostinato.errors import InputError

CONTENTS = ("X", "frames", "features")
NAMES = ("labels", "label_names")
ARRAYS = (*CONTENTS, *NAMES, "y", "lengths")


class Clip(NamedTuple):
    """A clip of video.

    Attributes:
        frames: pixels [T, C, H, W] of the type and range that they come in, or features float32
            [T, D].
        label: one, or one a frame; "" for none.
        where: its place for messages: "train.npz: clip 3".
    """

    frames: np.ndarray
    label: str | tuple[str, ...] = ""
    where: str = ""


def read_clips(file: FilePath, *, training: bool = False) -> Iterator[Clip]:
    """The clips of an .npz file of plain arrays; pickled objects are refused unread.

    Of X_train and X_test, where there are both, `training` reads the former.

        X        (or frames, features) pixels [N, T, H, W] or [N, T, H, W, C] of 0 to 255, or
                 features [N, T, D]; or all clips concatenated, [sum of lengths, ...]
        lengths  [N], the number of real frames of each (default: all but those at the end that
                 are NaN)
        y        labels [N], or one a frame [N, T] (or [sum of lengths]): text, or numbers, which
                 `labels` [C] may name

    Raises:
        InputError: such an array missing or of another shape, a length beyond T, NaN (with clip,
            frame and index).
    """
    arrays = load_arrays(file, ARRAYS, training=training)
    held = [name for name in CONTENTS if name in arrays]
    if len(held) != 1:
        raise InputError(
            f"{display_path(file)}: expected one array X (or frames, or features) [N, T, ...]; "
            f"got {' and '.join(held) or f'none of these among {list_arrays(file)}'}"
        )
    values = arrays[held[0]]
    if values.dtype.kind not in "fiub" or values.ndim < 2:
        raise InputError(
            f"{display_path(file)}: {held[0]} must be numbers [N, T, ...]; "
            f"got {values.dtype} of shape {list(values.shape)}"
        )
    concatenated = "lengths" in arrays and arrays["lengths"].size != len(values)
    values = put_channels_last(values, file, axes=4 if concatenated else 5)
    clips = split_series(values, arrays.get("lengths"), file, name=held[0])
    if "lengths" not in arrays:
        clips = trim_padding(clips, file)
    labels = read_labels(arrays, [len(clip) for clip in clips], file)
    for number, (frames, label) in enumerate(zip(clips, labels, strict=True), start=1):
        where = f"{display_path(file)}: clip {number}"
        if not frames.size:
            raise InputError(f"{where}: has no frames; remove it")
        yield Clip(as_frames(frames, where), label, where)


def as_frames(values: Any, where: str = "the input") -> np.ndarray:
    """Frames as the arrays of a Clip.

    Args:
        values: pixels [T, H, W] or [T, H, W, C], or features [T] or [T, D].
        where: its place for messages.

    Returns:
        pixels [T, C, H, W] of the type that was given, or features float32 [T, D].

    Raises:
        InputError: frames of differing shape, NaN (with frame and index), other dimensions.
    """
    try:
        values = np.asarray(values)
    except ValueError:
        values = np.asarray(None)
    if values.dtype.kind not in "fiub":
        raise InputError(
            f"{where}: frames of differing shape, or no numbers; expected frames of equal shape"
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        frame, *index = (int(each) + 1 for each in np.argwhere(~np.isfinite(values))[0])
        raise InputError(
            f"{where}, frame {frame}: the value at {index} is not a finite number; "
            "fill it in or remove the clip"
        )
    if values.ndim in (1, 2) and values.size:
        return values.astype(np.float32).reshape(len(values), -1)
    if (
        values.ndim not in (3, 4)
        or not values.size
        or (values.ndim == 4 and values.shape[3] not in (1, 3, 4))
    ):
        raise InputError(
            f"{where}: expected features [T, D] or pixels [T, H, W] or [T, H, W, C], "
            f"C being 1, 3 or 4; got shape {list(values.shape)}"
        )
    return np.ascontiguousarray(
        values[:, None] if values.ndim == 3 else values[..., :3].transpose(0, 3, 1, 2)
    )


def find_pixel_maximum(clips: Sequence[Clip]) -> float:
    """The value of white in clips that belong together, as of `decide_pixel_maximum`.

    Raises:
        InputError: values outside of every range, with the first clip that has them.
    """
    try:
        return decide_pixel_maximum(clip.frames for clip in clips)
    except InputError:
        for clip in clips:
            decide_pixel_maximum([clip.frames], clip.where)
        raise


def read_labels(
    arrays: Mapping[str, np.ndarray], lengths: Sequence[int], file: FilePath
) -> Sequence[str | tuple[str, ...]]:
    """The label of each clip, or of each of its frames; "" where the file has none."""
    if "y" not in arrays:
        return [""] * len(lengths)
    y, names = arrays["y"], next((arrays[name] for name in NAMES if name in arrays), None)
    if y.ndim == 2 and y.shape[1] != max(lengths, default=0):
        y = flatten_labels(y, len(lengths), file)
    if y.shape == (len(lengths),):
        return name_labels(y, names, file)
    if y.ndim == 2 and len(y) == len(lengths) and y.shape[1] >= max(lengths, default=0):
        rows = [row[:length] for row, length in zip(y, lengths, strict=True)]
    elif y.shape == (sum(lengths),):
        rows = np.split(y, np.cumsum(lengths)[:-1])
    else:
        longest = max(lengths, default=0)
        raise InputError(
            f"{display_path(file)}: y has shape {list(y.shape)} for {len(lengths):,} clips of up "
            f"to {longest} frames; expected a label a clip [N], or one a frame [N, T]"
        )
    return [tuple(name_labels(row, names, file)) for row in rows]


def read_unlabelled(files: Sequence[FilePath]) -> Iterator[Clip]:
    """Clips of .npz files, or on the lines of others the features of a clip's frames as JSON.

    A line is "[[0.1, 2.0], [0.3, 1.5]]"; a blank one is a clip, too."""
    for file in files:
        if is_npz(file):
            yield from read_clips(file)
            continue
        for number, line in enumerate(iterate_lines(file), start=1):
            where = f"{display_path(file)}:{number}"
            frames = as_frames(parse_series(line, where), where) if line.strip() else empty_clip()
            yield Clip(frames, where=where)


def empty_clip() -> np.ndarray:
    """The frames of a blank line: none."""
    return np.zeros((0, 0), dtype=np.float32)
