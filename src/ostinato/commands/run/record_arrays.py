"""Record arrays: arrays given in Python with their labels or captions, written as .npz."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.commands.run.record_rows import as_numpy
from ostinato.commands.run.record_values import is_list
from ostinato.data.files.columns import ALIASES
from ostinato.data.files.npz import format_label
from ostinato.errors import InputError


def write_arrays(
    path: Path, task: str, rows: Sequence[dict[str, Any]], columns: tuple[str, str], part: str
) -> Path:
    """Writes arrays that differ only in their first dimension, with their labels or captions."""
    arrays = []
    for number, row in enumerate(rows, start=1):
        try:
            arrays.append(np.asarray(as_numpy(row.get(columns[0]))))
        except ValueError:
            arrays.append(np.zeros(0, dtype=object))
        if arrays[-1].dtype.kind not in "fiub" or not arrays[-1].ndim:
            raise InputError(f"{part}:{number}: expected an array of numbers in {columns[0]!r}")
        if arrays[-1].ndim != arrays[0].ndim or arrays[-1].shape[1:] != arrays[0].shape[1:]:
            raise InputError(
                f"{part}:{number}: an array of shape {list(arrays[-1].shape)}, but the first has "
                f"{list(arrays[0].shape)}; only their lengths may differ"
            )
    first = arrays[0]
    content, target = "X", "text" if task == "transcription" else "y"
    if task == "classification" and holds_pixels(first):
        content = "images"
    if task == "captioning":
        target = "captions"
        features = first.dtype.kind == "f" and first.ndim <= 2
        content = "features" if features else "frames" if first.ndim == 4 else "images"
    equal = len({len(array) for array in arrays}) == 1
    held = {content: np.stack(arrays) if equal else np.concatenate(arrays)}
    if not equal:
        held["lengths"] = np.array([len(array) for array in arrays])
    names = (columns[1], *ALIASES.get(columns[1], ()), target, "captions")
    labels = [next((row[name] for name in names if name in row), None) for row in rows]
    if any(label is not None for label in labels):
        held[target] = stack_labels(labels, part, captions=target == "captions")
    np.savez(path, allow_pickle=False, **held)
    return path


def holds_pixels(array: np.ndarray) -> bool:
    """Whether an array is an image: [H, W, C] or whole numbers of a byte [H, W]; not a series."""
    return array.ndim == 3 or (array.ndim == 2 and array.dtype == np.uint8)


def stack_labels(labels: Sequence[Any], part: str, *, captions: bool) -> np.ndarray:
    """Labels [N], labels of frames concatenated, or captions [N, K], as arrays of text."""
    several = [
        [str(each) if captions else format_label(each) for each in label]
        if is_list(label)
        else None
        for label in labels
    ]
    if not any(each is not None for each in several):
        return np.array([format_label("" if label is None else label) for label in labels])
    missing = next((n for n, each in enumerate(several, start=1) if each is None), None)
    if missing is not None:
        raise InputError(f"{part}:{missing}: one label, but others have a list of them")
    rows = [each for each in several if each is not None]
    if captions:
        most = max(map(len, rows))
        return np.array([[*row, *[""] * (most - len(row))] for row in rows])
    return np.array([each for row in rows for each in row])
