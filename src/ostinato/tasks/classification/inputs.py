"""Inputs of a classifier: texts or numeric arrays. An encoder reads one of the two."""

from __future__ import annotations

import numpy as np

Inputs = str | np.ndarray  # a text; a series [T, D] or an image [H, W, C]


def require_text(inputs: Inputs) -> str:
    """Narrows the type of an input: the reader of a text model lets only texts through."""
    if not isinstance(inputs, str):
        raise TypeError("expected a text, got numbers")
    return inputs


def require_array(inputs: Inputs) -> np.ndarray:
    """Narrows the type of an input: the reader of a series or image model lets only arrays
    through.
    """
    if isinstance(inputs, str):
        raise TypeError("expected numbers, got a text")
    return inputs
