"""Images as the arrays that a network reads, decoded once as long as the cache has room."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ostinato.data.images.images import as_pixels, from_array, read_image
from ostinato.data.images.onnx_encoder import OnnxEncoder
from ostinato.data.images.picture import Picture
from ostinato.errors import InputError

CACHE_SIZE = 1 << 30  # bytes; an image that does not fit is read again whenever it is needed


@dataclass
class ImageCache:
    """Decoded images by their names and pixel maxima, as many as fit."""

    images: dict[tuple[str, float | None], np.ndarray] = field(default_factory=dict)
    free_bytes: int = CACHE_SIZE

    def add(self, key: tuple[str, float | None], values: np.ndarray) -> None:
        if values.nbytes <= self.free_bytes:
            self.free_bytes -= values.nbytes
            self.images[key] = values


class ImageLoader:
    """loader(Picture("cat.jpg")) -> uint8 [1, 3, size, size]: frames, here of one picture.

    Pixels become uint8 [T, 3, size, size], or with an `encoder` features [R, D] (of frames
    [T, D]); features stay what they are.

    Args:
        size: of a side, in pixels.
        encoder: computes features of pixels.
        pixel_maximum: the value of white in arrays; None decides array by array.
        cache: of the images decoded before; default: a new one.
    """

    def __init__(
        self,
        size: int,
        encoder: OnnxEncoder | None = None,
        *,
        pixel_maximum: float | None = None,
        cache: ImageCache | None = None,
    ):
        self.size, self.encoder, self.pixel_maximum = size, encoder, pixel_maximum
        self.cache = ImageCache() if cache is None else cache

    def with_pixel_maximum(self, maximum: float | None) -> ImageLoader:
        """A loader with the same cache and another value of white."""
        return ImageLoader(self.size, self.encoder, pixel_maximum=maximum, cache=self.cache)

    def __call__(self, picture: Picture) -> np.ndarray:
        if isinstance(picture.image, str):
            key: tuple[str, float | None] = (picture.image, None)
        else:
            key = (picture.where, self.pixel_maximum)
        if key[0] and key in self.cache.images:
            return self.cache.images[key]
        values = self.load(picture)
        # an image without captions is only to be captioned, and so read once
        if key[0] and picture.captions:
            self.cache.add(key, values)
        return values

    def load(self, picture: Picture) -> np.ndarray:
        """The array of a picture, without the cache."""
        if isinstance(picture.image, str):
            try:
                frames = [read_image(picture.image, self.size)]
            except InputError as error:
                if picture.where in ("", picture.image):
                    raise
                raise InputError(f"{picture.where}: {error}") from None
        elif not picture.has_pixels:
            return picture.image
        else:
            where = picture.where or "the picture"
            frames = [
                as_pixels(from_array(each, where, self.pixel_maximum), self.size)
                for each in (picture.image if picture.ordered else picture.image[None])
            ]
        if self.encoder is None:
            return np.stack(frames)
        found = [self.encoder(frame) for frame in frames]
        return np.stack([each.mean(0) for each in found]) if picture.ordered else found[0]
