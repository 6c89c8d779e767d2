"""Pictures from files: any that Pillow opens, whole or a part of one, each as a square of one size.

    read_image("cat.jpg", 64)                          -> uint8 [3, 64, 64]
    read_image("emoji.png#xywh=32,0,32,32", 32)        a part of a sheet: left, top, width, height in pixels (W3C media fragments)

What is not square is made to fit and filled up with white; transparency is laid over white, a camera's rotation undone."""

from __future__ import annotations

import base64
import functools
import io
import re
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ostinato.data.files.lines import FilePath, cannot_open
from ostinato.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 100_000_000  # of one file; more is a mistake, or meant to fill the memory
PART = re.compile(r"(?P<path>.+)#xywh=(?:pixel:)?(?P<box>\d+,\d+,\d+,\d+)")
ENDINGS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".bmp",
    ".webp",
    ".tif",
    ".tiff",
    ".avif",
    ".ppm",
    ".pgm",
    ".pbm",
    ".ico",
    ".jp2",
    ".tga",
)
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    struct.error,
    zlib.error,
)


def is_image(name: FilePath) -> bool:
    """Whether a name says that it is a picture: is_image("a/cat.JPG"), is_image("sheet.png#xywh=0,0,8,8") -> True"""
    return Path(split_part(str(name))[0]).suffix.lower() in ENDINGS


def split_part(reference: str) -> tuple[str, tuple[int, int, int, int] | None]:
    """split_part("a.png#xywh=1,2,3,4") -> ("a.png", (1, 2, 3, 4)): the file, and left, top, width and height of the part meant."""
    match = PART.fullmatch(reference)
    if match is None:
        return reference, None
    left, top, width, height = map(int, match["box"].split(","))
    return match["path"], (left, top, width, height)


def read_image(reference: str, size: int) -> np.ndarray:
    """A picture as uint8 [3, size, size]. InputError: missing, no picture, cut short, enormous, a part outside of it."""
    return as_pixels(picture(reference, size), size)


def picture(reference: str, size: int | None = None) -> Image:
    """A picture, or the part of one, in red, green and blue; with `size` a large photograph may come smaller, not below it."""
    path, part = split_part(reference)
    if part is None:
        return load(path, size)
    left, top, width, height = part
    sheet = load_sheet(path, Path(path).stat().st_mtime_ns if Path(path).is_file() else 0)
    if not (width and height) or left + width > sheet.width or top + height > sheet.height:
        raise InputError(
            f"{reference}: that part lies outside of the picture, which is {sheet.width} x {sheet.height}"
        )
    return sheet.crop((left, top, left + width, top + height))


@functools.lru_cache(maxsize=4)
def load_sheet(path: str, changed: int) -> Image:
    """A picture that many parts are cut from, decoded once."""
    return load(path)


def load(source: str | BinaryIO, size: int | None = None, *, name: str | None = None) -> Image:
    """A picture, decoded from a file or from an open one; `name` stands for it in messages."""
    module, path = pillow(), name or str(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # sizes are judged here, and what Pillow puts up with is no concern of the user's
            with module.open(source) as opened:
                width, height = opened.size
                if width * height > MOST_PIXELS:
                    raise InputError(enormous(path, width, height))
                if size is not None:
                    opened.draft(
                        "RGB", (size, size)
                    )  # a JPEG can be decoded at an eighth of its size
                return flattened(opened)
    except module.DecompressionBombError:
        raise InputError(enormous(path)) from None
    except module.UnidentifiedImageError:
        raise InputError(
            f"{path}: not a picture that Pillow can read; is it damaged, or another kind of file?"
        ) from None
    except InputError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InputError(cannot_open(path, error)) from None
    except DAMAGED as error:
        raise InputError(
            f"{path}: cut short or damaged ({str(error).splitlines()[0] if str(error) else type(error).__name__}); "
            "copy it again, or remove it"
        ) from None


def pillow() -> Any:
    """Pillow's Image module, imported where it is needed."""
    try:
        from PIL import Image
    except ImportError:
        raise InputError("pictures need Pillow; pip install 'ostinato[images]'") from None
    return Image


def enormous(path: str, width: int = 0, height: int = 0) -> str:
    size = f"{width:,} x {height:,} pixels" if width else "far too many pixels"
    return f"{path}: refused: {size}, more than {MOST_PIXELS // 1_000_000} million; make it smaller"


def flattened(image: Image) -> Image:
    """In red, green and blue, upright, on white."""
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        below = pillow().new("RGBA", image.size, (255, 255, 255, 255))
        below.alpha_composite(image)
        image = below
    if image.mode.startswith("I;16") or image.mode in (
        "I",
        "F",
    ):  # sixteen bits a pixel, or measurements: stretched to eight
        values = np.asarray(image, dtype=np.float64)
        low, high = values.min(), values.max()
        return (
            pillow()
            .fromarray(((values - low) / max(1e-9, high - low) * 255).astype(np.uint8))
            .convert("RGB")
        )
    return image.convert("RGB")


def as_pixels(image: Image, size: int) -> np.ndarray:
    """A picture fitted into a square: uint8 [3, size, size]."""
    if image.size != (size, size):
        scale = size / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        square = pillow().new("RGB", (size, size), (255, 255, 255))
        square.paste(
            image.resize((width, height), pillow().Resampling.LANCZOS),
            ((size - width) // 2, (size - height) // 2),
        )
        image = square
    return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))


def from_array(values: np.ndarray, where: str = "the picture") -> Image:
    """Pixels [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] of 0 to 255 (or floats of 0 to 1) as a picture. InputError: anything else."""
    values = np.asarray(values)
    if (
        values.ndim not in (2, 3)
        or (values.ndim == 3 and values.shape[2] not in (1, 3, 4))
        or not values.size
    ):
        raise InputError(
            f"{where}: expected pixels [H, W, 3] or [H, W]; got shape {list(values.shape)}"
        )
    values = to_bytes(values, where)
    return flattened(
        pillow().fromarray(values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values)
    )


def to_bytes(values: np.ndarray, where: str) -> np.ndarray:
    """Pixels of any type as uint8: whole numbers of 0 to 255, or fractions of 0 to 1. InputError: NaN, or others."""
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "fiub":
        raise InputError(f"{where}: pixels must be numbers; got {values.dtype}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"{where}: a pixel is not a finite number")
    fractions = values.dtype.kind == "f" and (not values.size or values.max() <= 1)
    if values.size and (values.min() < 0 or values.max() > 255):
        raise InputError(
            f"{where}: pixels must be 0 to 255, or fractions of 0 to 1; got {values.min():g} to {values.max():g}"
        )
    return np.round(values * 255 if fractions else values).astype(np.uint8)


def data_uri(image: Image, *, most: int = 240) -> str:
    """A picture inside a page: "data:image/png;base64,..."; no side longer than `most`."""
    image = image.copy()
    image.thumbnail((most, most))
    stream = io.BytesIO()
    small = max(image.size) <= 64
    image.save(stream, "PNG") if small else image.save(stream, "JPEG", quality=85)
    return f"data:image/{'png' if small else 'jpeg'};base64,{base64.b64encode(stream.getvalue()).decode()}"


def varied(pixels: np.ndarray, seed: int, *, shift: float, zoom: float, flip: bool) -> np.ndarray:
    """Pixels [..., C, H, W] moved, made a little larger or smaller and, with `flip`, mirrored one time in two: all frames alike.

    shift, zoom   at most this share of the side; what comes into view repeats the edge"""
    chance = np.random.default_rng(seed)
    *rest, height, width = pixels.shape
    scale = 1 + zoom * chance.uniform(-1, 1)
    down, right = shift * chance.uniform(-1, 1, 2) * (height, width)
    rows = nearest(height, scale, down)
    columns = nearest(width, scale, right)
    if flip and chance.random() < 0.5:
        columns = columns[::-1]
    return np.ascontiguousarray(pixels[..., rows[:, None], columns])


def nearest(size: int, scale: float, moved: float) -> np.ndarray:
    """Which of `size` pixels in a row stands at each place once the row is scaled about its middle and moved."""
    middle = (size - 1) / 2
    return np.clip(
        np.round((np.arange(size) - middle) * scale + middle + moved), 0, size - 1
    ).astype(np.int64)
