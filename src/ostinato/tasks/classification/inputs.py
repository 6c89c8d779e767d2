"""Inputs of a classifier: texts, or arrays of numbers. An encoder reads one of the two."""

from __future__ import annotations

import numpy as np

Inputs = str | np.ndarray  # a text; a series [T, D] or an image [H, W, C]


def require_text(inputs: Inputs) -> str:
    """The text; a reader has refused other inputs of a model of texts."""
    if not isinstance(inputs, str):
        raise TypeError("expected a text, got numbers")
    return inputs


def require_array(inputs: Inputs) -> np.ndarray:
    """The numbers; a reader has refused texts for a model of series or images."""
    if isinstance(inputs, str):
        raise TypeError("expected numbers, got a text")
    return inputs
