"""Images of one size as sequences of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch

from ostinato.data.batching.batch import Example
from ostinato.data.images.labelled_images import resize
from ostinato.errors import InputError
from ostinato.notices import notify
from ostinato.tasks.classification.inputs import Inputs, require_array
from ostinato.tasks.classification.options import ClassificationOptions

LARGEST, USUAL = 64, 32  # pixels a side: images up to LARGEST keep their size, others get USUAL
BRIGHTER = 1.5  # pixels above this multiple of the training maximum have another range


@dataclass(frozen=True)
class ImageEncoder:
    """Encodes images [H, W, C] as sequences of rows [H, W * C], standardised.

    Args:
        options: The task's options.
        shape: The shape (H, W, C) of all images.
        white: The largest value of a pixel in training; 1 for image files.
        mean, deviation: The mean and standard deviation of each channel [C].
    """

    options: ClassificationOptions
    shape: tuple[int, int, int]
    white: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def fit(
        cls, options: ClassificationOptions, images: Sequence[np.ndarray]
    ) -> tuple[ClassificationOptions, Self]:
        """Determines size, channels and range of the images; decides crop and members."""
        sizes = {image.shape[:2] for image in images}
        side = options.image_size
        height, width = next(iter(sizes))
        if side is not None or len(sizes) > 1 or max(height, width) > LARGEST:
            height = width = side or USUAL
        grey = all(is_grey(image) for image in images)
        white = float(max(image.max() for image in images))
        encoder = cls(options, (height, width, 1 if grey else 3), max(white, 1e-6), (), ())
        pixels = np.concatenate(
            [encoder.prepare(image).reshape(-1, encoder.shape[2]) for image in images]
        )
        mean = pixels.mean(0, dtype=np.float64)
        deviation = np.maximum(pixels.std(0, dtype=np.float64), 1e-6)
        encoder = replace(encoder, mean=tuple(mean.tolist()), deviation=tuple(deviation.tolist()))
        notify(
            f"{len(images):,} images of {height} x {width} pixels, {'grey' if grey else 'colour'}"
        )
        options = replace(
            options, crop=1.0, members=1 if options.members is None else options.members
        )
        return options, replace(encoder, options=options)

    def to_dict(self) -> dict[str, Any]:
        return {
            "image": {
                "shape": list(self.shape),
                "white": self.white,
                "mean": list(self.mean),
                "deviation": list(self.deviation),
            }
        }

    @classmethod
    def from_dict(cls, options: ClassificationOptions, state: dict[str, Any]) -> Self:
        height, width, channels = map(int, state["shape"])
        return cls(
            options,
            (height, width, channels),
            float(state["white"]),
            tuple(map(float, state["mean"])),
            tuple(map(float, state["deviation"])),
        )

    @property
    def dimensions(self) -> int:
        """Size of a row, W * C."""
        return self.shape[1] * self.shape[2]

    def check(self, image: np.ndarray, where: str) -> None:
        """Raises InputError for pixels of another range than in training."""
        if image.size and image.max() > BRIGHTER * self.white:
            raise InputError(
                f"{where}: pixels of up to {image.max():g}, but those of the training images went "
                f"up to {self.white:g}; scale them alike"
            )

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Resizes an image to `shape`, with its channels."""
        if self.shape[2] == 1:
            image = image.mean(2, keepdims=True)
        elif image.shape[2] == 1:
            image = np.repeat(image, 3, 2)
        return resize(image, self.shape[:2])

    def encode(self, inputs: Inputs, draw: int | None = None) -> Example:
        """The rows [H, W * C] of an image [H, W, C]; none for an empty image."""
        image = require_array(inputs)
        if not image.size:
            return Example(torch.zeros(0, self.dimensions))
        scaled = (self.prepare(image) - np.array(self.mean)) / np.array(self.deviation)
        rows = scaled.reshape(self.shape[0], -1).astype(np.float32)
        return Example(torch.from_numpy(rows))


def is_grey(image: np.ndarray) -> bool:
    """Whether all channels of an image [H, W, C] are equal."""
    return bool((image == image[..., :1]).all())
