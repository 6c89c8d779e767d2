"""Images as the arrays that a network reads, decoded once as long as the cache has room."""

from __future__ import annotations

import numpy as np

from ostinato.data.images.captioned import Picture
from ostinato.data.images.images import as_pixels, from_array, read_image
from ostinato.data.images.onnx_encoder import OnnxEncoder
from ostinato.errors import InputError

CACHE_SIZE = 1 << 30  # bytes; an image that does not fit is read again whenever it is needed


class ImageLoader:
    """loader(Picture("cat.jpg")) -> uint8 [1, 3, size, size]: frames, here of one picture.

    Pixels become uint8 [T, 3, size, size], or with an `encoder` features [R, D] (of frames
    [T, D]); features stay what they are."""

    def __init__(self, size: int, encoder: OnnxEncoder | None = None):
        self.size, self.encoder = size, encoder
        self.cache: dict[str, np.ndarray] = {}
        self.free_bytes = CACHE_SIZE

    def __call__(self, picture: Picture) -> np.ndarray:
        key = picture.image if isinstance(picture.image, str) else picture.where
        if key and key in self.cache:
            return self.cache[key]
        values = self.load(picture)
        # an image without captions is only to be captioned, and so read once
        if key and picture.captions and values.nbytes <= self.free_bytes:
            self.free_bytes -= values.nbytes
            self.cache[key] = values
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
        elif picture.image.ndim == 2 and picture.image.dtype != np.uint8:
            return picture.image
        else:
            frames = [
                as_pixels(from_array(each, picture.where or "the picture"), self.size)
                for each in (picture.image if picture.ordered else picture.image[None])
            ]
        if self.encoder is None:
            return np.stack(frames)
        found = [self.encoder(frame) for frame in frames]
        return np.stack([each.mean(0) for each in found]) if picture.ordered else found[0]
