"""Plain arrays from `.npz` files, gzipped or not.

The headers are checked before anything is read: no pickled objects, which could execute code, and
no absurd sizes."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from typing import IO

import numpy as np

from ostinato.data.files.array_names import match_names
from ostinato.data.files.streams import FilePath, open_binary
from ostinato.data.files.wording import display_path, first_line, list_names
from ostinato.errors import InputError
from ostinato.notices import notify

LARGEST = 8 << 30  # bytes of one array; a header that claims more is damaged or hostile
CHANNELS = (1, 3, 4)  # of pixels
LABELS = ("y", "labels", "label_names", "y_train", "y_test")


def is_npz(file: FilePath) -> bool:
    """Whether a file's name says that it is an .npz: is_npz("train.npz.gz") -> True"""
    return str(file).lower().removesuffix(".gz").endswith(".npz")


def check_unpacked(file: FilePath, most: int) -> None:
    """Raises InputError for an archive whose members are larger than `most` bytes in all."""
    try:
        with open_binary(file) as stream, zipfile.ZipFile(stream) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise InputError(f"{display_path(file)}: no .npz, or a damaged one") from None
    if size > most:
        raise InputError(f"{display_path(file)}: {size:,} bytes unpacked; at most {most:,}")


def load_arrays(
    file: FilePath, wanted: Sequence[str], *, training: bool = False
) -> dict[str, np.ndarray]:
    """The `wanted` arrays of an .npz by name, as far as it has them.

    Other usual names are understood, too (x, data, X_train, y_test), and said.

    Args:
        file: the .npz, gzipped or not.
        wanted: names such as X and y.
        training: which of X_train and X_test is meant, where there are both.

    Raises:
        InputError: no such file, no or a damaged .npz, Python objects, an array of more than
            LARGEST bytes, a label y that is NaN or infinite.
    """
    arrays = {}
    with open_binary(file) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                names = match_names(list(members), wanted, training=training)
                for name, given in names.items():
                    info = members[given]
                    with archive.open(info) as member:
                        check_header(member, given, file)
                    with archive.open(info) as member:
                        arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
        except InputError:
            raise
        except Exception as error:  # zipfile and numpy raise what a damaged file leads them to
            raise InputError(
                f"{display_path(file)}: not a readable .npz file ({first_line(error)}); "
                "copy it again"
            ) from error
    if "y" in wanted and "y" not in arrays and "labels" in arrays:
        arrays["y"] = arrays.pop("labels")  # the names of labels would need labels
        notify(f"{display_path(file)}: the labels are its array {names['labels']}")
    for name, values in arrays.items():
        if values.dtype.kind == "S":
            arrays[name] = np.char.decode(values, "utf-8", "replace")
    if others := [given for name, given in names.items() if given != name]:
        notify(f"{display_path(file)}: read are its arrays {', '.join(others)}")
    if "y" in arrays:
        check_labels(arrays["y"], file)
    return arrays


def list_arrays(file: FilePath) -> str:
    """The names of all arrays of an .npz, for messages."""
    try:
        with open_binary(file) as stream, zipfile.ZipFile(stream) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, ValueError, zipfile.BadZipFile):
        names = []
    return list_names(names) or "none"


def trim_padding(rows: Sequence[np.ndarray], file: FilePath) -> list[np.ndarray]:
    """Series [T, ...] without the steps at their ends that are all NaN: these are padding."""
    trimmed = []
    for row in rows:
        if row.dtype.kind == "f" and len(row):
            known = ~np.isnan(row.reshape(len(row), -1)).all(1)  # [T]
            row = row[: len(row) - int(known[::-1].argmax()) if known.any() else 0]
        trimmed.append(row)
    padded = sum(len(row) < len(before) for row, before in zip(trimmed, rows, strict=True))
    if padded:
        notify(f"{display_path(file)}: {padded:,} series end in NaN, which is read as padding")
    return trimmed


def check_header(member: IO[bytes], name: str, file: FilePath) -> None:
    """InputError for an array of Python objects, or of absurd size."""
    version = np.lib.format.read_magic(member)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, kind = read_header(member)
    if kind.hasobject:
        remedy = (
            "save labels as text or as whole numbers"
            if name in LABELS
            else "save series of differing length padded, X [N, T, D], with lengths [N]"
        )
        raise InputError(
            f"{display_path(file)}: refused: {name!r} holds Python objects, "
            f"which could execute code when read; {remedy}"
        )
    size = math.prod(shape) * kind.itemsize
    if size > LARGEST:
        raise InputError(
            f"{display_path(file)}: refused: {name!r} claims {size / 2**30:,.0f} GiB; "
            "split the file"
        )


def check_labels(y: np.ndarray, file: FilePath) -> None:
    """InputError for a label that is NaN or infinite."""
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        index = np.argwhere(~np.isfinite(y))[0]
        raise InputError(
            f"{display_path(file)}: y: the label at {(index + 1).tolist()} is {y[tuple(index)]}; "
            "label it or remove its series"
        )


def split_series(
    values: np.ndarray, lengths: np.ndarray | None, file: FilePath, *, name: str = "X"
) -> list[np.ndarray]:
    """An array of series as one array each, without padding.

    Args:
        values: [N, T, ...], or all series concatenated, [sum of lengths, ...].
        lengths: [N], or None if all have T steps.
        file: for messages.
        name: of the array, for messages.

    Raises:
        InputError: lengths that do not fit the array.
    """
    if lengths is None:
        return list(values)
    if lengths.dtype.kind == "f" and bool((lengths == np.rint(lengths)).all()):
        lengths = lengths.astype(np.int64)
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
        raise InputError(
            f"{display_path(file)}: lengths must be whole numbers [N]; "
            f"got {lengths.dtype} of shape {lengths.shape}"
        )
    sizes: list[int] = lengths.tolist()
    total = sum(sizes)
    if total == len(values) and len(sizes) != len(values):  # concatenated
        return np.split(values, np.cumsum(sizes, dtype=np.int64)[:-1])
    if len(sizes) != len(values):
        raise InputError(
            f"{display_path(file)}: {len(sizes):,} lengths for {len(values):,} rows of {name}; "
            f"expected one a series, or {name} of {total:,} rows, one series after another"
        )
    longest = max(sizes, default=0)
    if longest > values.shape[1]:
        raise InputError(
            f"{display_path(file)}: series {sizes.index(longest) + 1} has length {longest}, "
            f"but {name} only {values.shape[1]} steps"
        )
    return [row[:length] for row, length in zip(values, sizes, strict=True)]


def put_channels_last(pixels: np.ndarray, file: FilePath, *, axes: int) -> np.ndarray:
    """Pixels [..., C, H, W], as PyTorch has them, as [..., H, W, C]; others as they are.

    Args:
        pixels: 1, 3 or 4 channels.
        file: for the notice.
        axes: how many there are with an axis of channels.
    """
    channels, *size = pixels.shape[-3:] if pixels.ndim == axes else (0,)
    if channels not in CHANNELS or min(size) <= max(CHANNELS):
        return pixels
    notify(f"{display_path(file)}: its pixels have the channels first, [..., C, H, W]")
    return np.moveaxis(pixels, -3, -1)


def flatten_labels(y: np.ndarray, number: int, file: FilePath) -> np.ndarray:
    """Labels [number], given so, as [number, 1], or one-hot [number, C], which is said."""
    if y.ndim != 2 or len(y) != number or not y.size:
        return y
    if y.shape[1] == 1:
        return y[:, 0]
    if y.dtype.kind in "fiub" and bool(((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all()):
        notify(f"{display_path(file)}: y is one-hot; the labels are the numbers of its columns")
        return y.argmax(1)
    return y


def name_labels(y: np.ndarray, names: np.ndarray | None, file: FilePath) -> list[str]:
    """Labels y [N] as text; whole numbers by their `names` [C], where there are names."""
    if names is None or not (
        y.dtype.kind in "iu" or (y.dtype.kind == "f" and (y == np.rint(y)).all())
    ):
        return [format_label(label) for label in y.tolist()]
    if names.ndim != 1:
        raise InputError(
            f"{display_path(file)}: the labels' names must be [C]; got shape {list(names.shape)}"
        )
    if y.size and not 0 <= y.min() <= y.max() < len(names):
        wrong = format_label(float(y.max() if y.min() >= 0 else y.min()))
        raise InputError(
            f"{display_path(file)}: y has the number {wrong}, but there are "
            f"{len(names)} labels, from 0"
        )
    return [str(names[int(label)]) for label in y.tolist()]


def format_label(label: object) -> str:
    """A label as text: 1.0 -> "1", 1.5 -> "1.5", "happy  birthday" -> "happy birthday"."""
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    return " ".join(str(label).split())
