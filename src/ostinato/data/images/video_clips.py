"""Films, or features of their frames, with a label each or a label for every frame, from `.npz` files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.files.lines import FilePath, iterate_lines
from ostinato.data.files.wording import display_path
from ostinato.data.images.images import to_bytes
from ostinato.data.series.series import cut, load_arrays, named, series_of_line
from ostinato.errors import InputError

CONTENTS = ("X", "frames", "features")
NAMES = ("labels", "label_names")
ARRAYS = (*CONTENTS, *NAMES, "y", "lengths")


class Clip(NamedTuple):
    """frames: uint8 [T, C, H, W], or features float32 [T, D]; label: one, or one a frame; "" for none; where: "train.npz: clip 3"."""

    frames: np.ndarray
    label: str | tuple[str, ...] = ""
    where: str = ""


def read_clips(file: FilePath) -> Iterator[Clip]:
    """The clips of an .npz file of plain arrays; one that holds pickled objects is refused unread.

        X        (or frames, features) pixels [N, T, H, W] or [N, T, H, W, C] of 0 to 255, or features [N, T, D];
                 or all clips one after another, [sum of lengths, ...]
        lengths  [N], how many frames of each are real (default: all)
        y        labels [N], or one a frame [N, T] (or [sum of lengths]): text, or numbers, which `labels` [C] may name

    InputError: such an array missing or of another shape, a length beyond T, NaN (with clip, frame and place)."""
    arrays = load_arrays(file, ARRAYS)
    held = [name for name in CONTENTS if name in arrays]
    if len(held) != 1:
        raise InputError(
            f"{display_path(file)}: expected one array X (or frames, or features) [N, T, ...]; got {' and '.join(held) or 'none'}"
        )
    values = arrays[held[0]]
    if values.dtype.kind not in "fiub" or values.ndim < 2:
        raise InputError(
            f"{display_path(file)}: {held[0]} must be numbers [N, T, ...]; got {values.dtype} of shape {list(values.shape)}"
        )
    clips = cut(values, arrays.get("lengths"), file, name=held[0])
    labels = labels_of(arrays, [len(clip) for clip in clips], file)
    for number, (frames, label) in enumerate(zip(clips, labels, strict=True), start=1):
        where = f"{display_path(file)}: clip {number}"
        if not frames.size:
            raise InputError(f"{where}: has no frames; remove it")
        yield Clip(as_frames(frames, where), label, where)


def as_frames(values: Any, where: str = "the input") -> np.ndarray:
    """Pixels [T, H, W], [T, H, W, C] -> uint8 [T, C, H, W]; features [T], [T, D] -> float32 [T, D].

    InputError: frames of differing shape, NaN (with frame and place), pixels beyond 0 to 255, other dimensions."""
    try:
        values = np.asarray(values)
    except ValueError:
        values = np.asarray(None)
    if values.dtype.kind not in "fiub":
        raise InputError(
            f"{where}: frames of differing shape, or no numbers; expected frames of equal shape"
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        frame, *place = (int(index) + 1 for index in np.argwhere(~np.isfinite(values))[0])
        raise InputError(
            f"{where}, frame {frame}: the value at {place} is not a finite number; fill it in or remove the clip"
        )
    if values.ndim in (1, 2) and values.size:
        return values.astype(np.float32).reshape(len(values), -1)
    if (
        values.ndim not in (3, 4)
        or not values.size
        or (values.ndim == 4 and values.shape[3] not in (1, 3, 4))
    ):
        raise InputError(
            f"{where}: expected features [T, D] or pixels [T, H, W] or [T, H, W, C], C being 1, 3 or 4; "
            f"got shape {list(values.shape)}"
        )
    pixels = to_bytes(values, where)
    return np.ascontiguousarray(
        pixels[:, None] if pixels.ndim == 3 else pixels[..., :3].transpose(0, 3, 1, 2)
    )


def labels_of(
    arrays: Mapping[str, np.ndarray], lengths: Sequence[int], file: FilePath
) -> list[str] | list[tuple[str, ...]]:
    """The label of each clip, or of each of its frames."""
    if "y" not in arrays:
        return [""] * len(lengths)
    y, names = arrays["y"], next((arrays[name] for name in NAMES if name in arrays), None)
    if y.shape == (len(lengths),):
        return named(y, names, file)
    if y.ndim == 2 and len(y) == len(lengths) and y.shape[1] >= max(lengths, default=0):
        rows = [row[:length] for row, length in zip(y, lengths, strict=True)]
    elif y.shape == (sum(lengths),):
        rows = np.split(y, np.cumsum(lengths)[:-1])
    else:
        longest = max(lengths, default=0)
        raise InputError(
            f"{display_path(file)}: y has shape {list(y.shape)} for {len(lengths):,} clips of up to {longest} frames; "
            "expected a label a clip [N], or one a frame [N, T]"
        )
    return [tuple(named(row, names, file)) for row in rows]


def read_unlabelled(files: Sequence[FilePath]) -> Iterator[Clip]:
    """Clips of .npz files, or on the lines of others features of a clip's frames: "[[0.1, 2.0], [0.3, 1.5]]", blank lines, too."""
    for file in files:
        if str(file).lower().endswith(".npz"):
            yield from read_clips(file)
            continue
        for number, line in enumerate(iterate_lines(file), start=1):
            where = f"{display_path(file)}:{number}"
            yield Clip(
                as_frames(series_of_line(line, where), where) if line.strip() else nothing(),
                where=where,
            )


def nothing() -> np.ndarray:
    """A clip without frames: what a blank line is."""
    return np.zeros((0, 0), dtype=np.float32)
