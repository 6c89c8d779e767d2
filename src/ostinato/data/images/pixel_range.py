"""The range of pixel values: which is white is decided once for a data set, by types and maximum.

    decide_pixel_maximum([np.array([0, 1])])      -> 1.0      bits, or fractions of 0 to 1
    decide_pixel_maximum([np.array([0.0, 255])])  -> 255.0    bytes, whatever their type
    to_bytes(np.array([0.0, 0.5]), "a.npz", 1.0)  -> [0, 128] of uint8

A dark picture alone does not tell its range; hence the decision is not made picture by picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ostinato.errors import InputError, option_name

FRACTION, BYTE, WORD = 1.0, 255.0, 65535.0  # what white is in bits and fractions, bytes, 16 bits


def decide_pixel_maximum(arrays: Iterable[np.ndarray], where: str = "the pixels") -> float:
    """The value of white in arrays that belong together.

    Args:
        arrays: pixels of any numeric type.
        where: their place for messages.

    Returns:
        1 if no value is above 1 (bool is so by its type); 255 if none is above 255; 65535 for
        unsigned integers of 16 bits beyond that.

    Raises:
        InputError: no numbers, NaN, or values outside of these ranges.
    """
    low, high, words = 0.0, 0.0, False
    bits = True
    for values in arrays:
        check_numbers(values, where)
        if values.dtype.kind == "b" or not values.size:
            continue
        bits = False
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        words |= values.dtype.kind == "u" and values.dtype.itemsize == 2
    if bits or 0 < high <= FRACTION:
        maximum = FRACTION
    else:
        maximum = WORD if words and high > BYTE else BYTE
    if low < 0 or high > maximum:
        raise InputError(
            f"{where}: pixels must be 0 to 255, or fractions of 0 to 1; got {low:g} to {high:g}; "
            f"for another range name the value of white with {option_name('pixel_maximum')}"
        )
    return maximum


def to_bytes(values: np.ndarray, where: str, maximum: float | None = None) -> np.ndarray:
    """Pixels of any numeric type as uint8.

    Args:
        values: 0 to `maximum`.
        where: their place for messages.
        maximum: the value of white; None decides by these values. That of bool is always 1.

    Raises:
        InputError: no numbers, NaN, values below 0 or above the maximum.
    """
    check_numbers(values, where)
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    maximum = decide_pixel_maximum([values], where) if maximum is None else maximum
    if values.dtype == np.uint8 and maximum == BYTE:
        return values
    check_range(values, where, maximum)
    return np.round(values * (255 / maximum)).astype(np.uint8)


def check_range(values: np.ndarray, where: str, maximum: float) -> None:
    """InputError for pixels below 0 or above the value of white, which is known."""
    if values.dtype.kind == "b" or not values.size:
        return
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > maximum:
        raise InputError(
            f"{where}: pixels of {low:g} to {high:g}, but white is {maximum:g} in the data that "
            f"the model was trained on; if it is another value here, name it with "
            f"{option_name('pixel_maximum')}"
        )


def check_scale(arrays: Sequence[np.ndarray], where: str, maximum: float) -> None:
    """InputError for pixels of 0 to 1 where white is more: as a whole they would be black.

    One dark picture of whole numbers may well be what it seems.

    Args:
        arrays: pixels that belong together, such as those of a file.
        where: their place for messages.
        maximum: the value of white.
    """
    known = [values for values in arrays if values.dtype.kind != "b" and values.size]
    if maximum <= FRACTION or not known:
        return
    high = max(float(values.max()) for values in known)
    if not 0 < high <= FRACTION:
        return
    if len(known) > 1 or bool((known[0] != np.rint(known[0])).any()):
        raise InputError(
            f"{where}: all pixels are of 0 to {high:.3g}, but white is {maximum:g} in the data "
            f"that the model was trained on; if it is 1 here, say {option_name('pixel_maximum')} 1"
        )


def check_numbers(values: np.ndarray, where: str) -> None:
    """InputError for pixels that are no finite numbers."""
    if values.dtype.kind not in "fiub":
        raise InputError(f"{where}: pixels must be numbers; got {values.dtype}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"{where}: a pixel is not a finite number")
