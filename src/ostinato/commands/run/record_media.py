"""Record media: the pictures and sounds of examples given in Python, written as files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from ostinato.errors import InputError, option_name

NO_FOLDERS = ("", ".", "..")


def is_picture(value: Any) -> bool:
    """Whether a value is an image of Pillow's."""
    return hasattr(value, "save") and hasattr(value, "convert")


def is_encoded(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value is a file that is not decoded, as in Hugging Face's Image and Audio."""
    return isinstance(value, Mapping) and {"bytes", "path"} <= set(value)


def write_pictures(rows: Sequence[dict[str, Any]], key: str, folder: Path, part: str) -> None:
    """Writes the Pillow images under `key` to the folder, and puts their files in their place."""
    folder.mkdir()
    for number, row in enumerate(rows, start=1):
        require_picture(row, key, part, number)
        file = folder / f"{number}.png"
        row[key].convert("RGBA").save(file)
        row[key] = str(file)


def require_picture(row: dict[str, Any], key: str, part: str, number: int) -> None:
    """InputError if the value under `key` is no image of Pillow's."""
    if not is_picture(row.get(key)):
        raise InputError(f"{part}:{number}: expected an image, as the first is; got {row!r:.60}")


def write_class_folders(
    rows: Sequence[dict[str, Any]], keys: tuple[str, str], folder: Path, part: str
) -> Path:
    """Writes Pillow images to a folder with one folder for each class.

    Args:
        rows: the examples.
        keys: of the image and of its label.
        folder: is made.
        part: train, dev or test, for messages.
    """
    for number, row in enumerate(rows, start=1):
        label = str(row.get(keys[1], ""))
        if label in NO_FOLDERS or {"/", os.sep, "\0"} & set(label):
            raise InputError(
                f"{part}:{number}: the label of an image must be usable as the name of a folder; "
                f"got {label!r:.60}"
            )
        (folder / label).mkdir(parents=True, exist_ok=True)
        value = row.get(keys[0])
        if is_encoded(value):
            (folder / label / f"{number}.png").write_bytes(read_encoded(value, part, number))
            continue
        require_picture(row, keys[0], part, number)
        row[keys[0]].convert("RGBA").save(folder / label / f"{number}.png")
    return folder


def read_encoded(value: Mapping[str, Any], part: str, number: int) -> bytes:
    """The content of a file that is not decoded, from the value or from its path."""
    if value["bytes"]:
        return bytes(value["bytes"])
    try:
        return Path(value["path"]).read_bytes()
    except (OSError, TypeError, ValueError) as error:
        raise InputError(
            f"{part}:{number}: {value['path']!r:.60} cannot be read: {error}"
        ) from None


def write_encoded(rows: Sequence[dict[str, Any]], key: str, folder: Path, part: str) -> None:
    """Writes files that are not decoded, {"bytes": ..., "path": ...}, and puts their names in
    their place.
    """
    folder.mkdir()
    for number, row in enumerate(rows, start=1):
        value = row.get(key)
        if not is_encoded(value) or not (value["bytes"] or value["path"]):
            raise InputError(f"{part}:{number}: expected a file, as the first is; got {row!r:.60}")
        row[key] = value["path"]
        if value["bytes"]:
            file = folder / f"{number}{Path(value['path'] or '').suffix}"
            file.write_bytes(value["bytes"])
            row[key] = str(file)


def as_sound(value: Any) -> tuple[np.ndarray, int] | None:
    """(samples [N], rate in Hz) of a sound given as such, or as Hugging Face gives it; or None."""
    if isinstance(value, Mapping) and {"array", "sampling_rate"} <= set(value):
        value = (value["array"], value["sampling_rate"])
    if hasattr(value, "get_all_samples"):  # decoded by torchcodec, [channels, N]
        decoded = value.get_all_samples()
        value = (decoded.data.mean(0).numpy(), decoded.sample_rate)
    if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[1], int):
        return None
    samples = np.asarray(value[0])
    return (samples, value[1]) if samples.ndim == 1 and samples.dtype.kind in "fiu" else None


def write_sounds(rows: Sequence[dict[str, Any]], key: str, folder: Path, part: str) -> None:
    """Writes sounds to WAV files, and puts their names in their place."""
    from ostinato.data.audio.audio_files import require_soundfile

    soundfile = require_soundfile()
    folder.mkdir()
    for number, row in enumerate(rows, start=1):
        sound = as_sound(row.get(key))
        if sound is None or not sound[1] > 0:
            raise InputError(
                f"{part}:{number}: expected samples [N] with their rate, as in (samples, 16000)"
            )
        samples, rate = sound
        if samples.dtype.kind == "f" and not np.isfinite(samples).all():
            raise InputError(f"{part}:{number}: a sample is not a finite number")
        kind = "FLOAT" if samples.dtype.kind == "f" else "PCM_16"
        file = folder / f"{number}.wav"
        content = samples.astype(np.float32 if kind == "FLOAT" else np.int16)
        soundfile.write(str(file), content, rate, subtype=kind)
        row[key] = str(file)


def add_rate(rows: Sequence[dict[str, Any]], key: str, rate: int | None, part: str) -> None:
    """Gives samples [N] without a rate that of the option; InputError where there is none."""
    for number, row in enumerate(rows, start=1):
        value = row.get(key)
        if getattr(value, "ndim", 0) == 1:
            if rate is None:
                raise InputError(
                    f"{part}:{number}: samples without their rate; give (samples, rate in Hz), or "
                    f"{option_name('sample_rate')}"
                )
            row[key] = (value, rate)
