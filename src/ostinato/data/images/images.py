"""Images from files: any that Pillow opens, whole or a part of one, each as a square of one size.

    read_image("cat.jpg", 64)                    -> uint8 [3, 64, 64]
    read_image("emoji.png#xywh=32,0,32,32", 32)  a part of a sheet: left, top, width, height in
                                                 pixels (W3C media fragments)

Images that are not square are scaled to fit and padded with white; transparency is composed with
white, and a camera's rotation undone."""

from __future__ import annotations

import base64
import functools
import io
import re
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ostinato.data.files.streams import FilePath, open_binary
from ostinato.data.files.wording import first_line
from ostinato.data.images.pixel_range import WORD, to_bytes
from ostinato.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 100_000_000  # of one file; more is a mistake, or meant to fill the memory
PART = re.compile(r"(?P<path>.+)#xywh=(?:pixel:)?(?P<box>[0-9]{1,9}(?:,[0-9]{1,9}){3})")
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


def is_image(name: FilePath) -> bool:
    """Whether a name says that it is an image.

    is_image("a/cat.JPG"), is_image("a.png.gz"), is_image("sheet.png#xywh=0,0,8,8") -> True"""
    path = split_part(str(name))[0].lower().removesuffix(".gz")
    return Path(path).suffix in ENDINGS


def split_part(reference: str) -> tuple[str, tuple[int, int, int, int] | None]:
    """The file, and left, top, width and height of the part meant; None for the whole.

    split_part("a.png#xywh=1,2,3,4") -> ("a.png", (1, 2, 3, 4))"""
    match = PART.fullmatch(reference)
    if match is None:
        return reference, None
    left, top, width, height = map(int, match["box"].split(","))
    return match["path"], (left, top, width, height)


def read_image(reference: str, size: int) -> np.ndarray:
    """An image as uint8 [3, size, size].

    Raises:
        InputError: missing, no image, cut short, enormous, a part outside of it.
    """
    return as_pixels(open_image(reference, size), size)


def open_image(reference: str, size: int | None = None) -> Image:
    """An image, or the part of one, in red, green and blue.

    With `size` a large photograph may be decoded smaller than it is, but not below it."""
    path, part = split_part(reference)
    if part is None:
        return decode_image(path, size)
    left, top, width, height = part
    sheet = load_sheet(path, Path(path).stat().st_mtime_ns if Path(path).is_file() else 0)
    if not (width and height) or left + width > sheet.width or top + height > sheet.height:
        raise InputError(
            f"{reference}: that part lies outside of the picture, "
            f"which is {sheet.width} x {sheet.height}"
        )
    return sheet.crop((left, top, left + width, top + height))


@functools.lru_cache(maxsize=4)
def load_sheet(path: str, changed: int) -> Image:
    """An image that many parts are cropped from, decoded once; `changed` is its file's time."""
    return decode_image(path)


def decode_image(path: str, size: int | None = None) -> Image:
    """A whole image file, gzipped or not; arguments as of `open_image`."""
    import_pillow()
    with open_binary(path) as stream:
        return decode_stream(stream, path, size)


def decode_stream(stream: IO[bytes], name: str, size: int | None = None) -> Image:
    """An image from an open file.

    Args:
        stream: Its bytes.
        name: What messages call it.
        size: As of `open_image`.

    Raises:
        InputError: It is too large, damaged, or no image.
    """
    module = import_pillow()
    try:
        with warnings.catch_warnings():
            # sizes are checked here; Pillow's warnings of what it repairs help nobody
            warnings.simplefilter("ignore")
            with module.open(stream) as opened:
                width, height = opened.size
                if width * height > MOST_PIXELS:
                    raise InputError(too_large(name, width, height))
                if size is not None:
                    # a JPEG can be decoded at an eighth of its size
                    opened.draft("RGB", (size, size))
                return to_rgb(opened)
    except InputError:
        raise
    except module.DecompressionBombError:
        raise InputError(too_large(name)) from None
    except module.UnidentifiedImageError:
        raise InputError(
            f"{name}: not a picture that Pillow can read; is it damaged, or another kind of file? "
            "copy it again, or remove it"
        ) from None
    except Exception as error:  # Pillow's decoders raise what a damaged file leads them to
        raise InputError(
            f"{name}: cut short or damaged ({first_line(error)}); copy it again, or remove it"
        ) from error


def import_pillow() -> Any:
    """Pillow's Image module, imported where it is needed."""
    try:
        from PIL import Image
    except ImportError:
        raise InputError("pictures need Pillow; pip install 'ostinato[images]'") from None
    return Image


def too_large(path: str, width: int = 0, height: int = 0) -> str:
    """The message for an image of too many pixels."""
    size = f"{width:,} x {height:,} pixels" if width else "far too many pixels"
    return f"{path}: refused: {size}, more than {MOST_PIXELS // 1_000_000} million; make it smaller"


def to_rgb(image: Image) -> Image:
    """The image in red, green and blue, upright, on white."""
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = import_pillow().new("RGBA", image.size, (255, 255, 255, 255))
        white.alpha_composite(image)
        image = white
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return import_pillow().fromarray(grey_bytes(image)).convert("RGB")
    return image.convert("RGB")


def grey_bytes(image: Image) -> np.ndarray:
    """Greys of more than eight bits a pixel as uint8 [H, W].

    Integers are scaled by the range of sixteen bits, whatever the picture's own darkest and
    brightest value, so that a dark picture stays dark; floats of 0 to 1 or 0 to 255 likewise.
    Measurements beyond these ranges have no white, and are stretched from their least to their
    greatest value."""
    values = np.asarray(image, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    most = 255.0 if image.mode == "F" else WORD
    if low >= 0 and high <= most:
        return to_bytes(values, "the picture", None if image.mode == "F" else WORD)
    return ((values - low) / max(1e-9, high - low) * 255).astype(np.uint8)


def as_pixels(image: Image, size: int) -> np.ndarray:
    """An image fitted into a square: uint8 [3, size, size]."""
    if image.size != (size, size):
        scale = size / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        square = import_pillow().new("RGB", (size, size), (255, 255, 255))
        square.paste(
            image.resize((width, height), import_pillow().Resampling.LANCZOS),
            ((size - width) // 2, (size - height) // 2),
        )
        image = square
    return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))


def from_array(
    values: np.ndarray, where: str = "the picture", maximum: float | None = None
) -> Image:
    """Pixels as an image.

    Args:
        values: [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] of 0 to `maximum`.
        where: its place for messages.
        maximum: the value of white, as of `to_bytes`.

    Raises:
        InputError: anything else.
    """
    values = np.asarray(values)
    if (
        values.ndim not in (2, 3)
        or (values.ndim == 3 and values.shape[2] not in (1, 3, 4))
        or not values.size
    ):
        raise InputError(
            f"{where}: expected pixels [H, W, 3] or [H, W]; got shape {list(values.shape)}"
        )
    values = to_bytes(values, where, maximum)
    grey = values.ndim == 3 and values.shape[2] == 1
    return to_rgb(import_pillow().fromarray(values[..., 0] if grey else values))


def data_uri(image: Image, *, most: int = 240) -> str:
    """An image inside a page: "data:image/png;base64,..."; no side longer than `most`."""
    image = image.copy()
    image.thumbnail((most, most))
    stream = io.BytesIO()
    small = max(image.size) <= 64
    image.save(stream, "PNG") if small else image.save(stream, "JPEG", quality=85)
    content = base64.b64encode(stream.getvalue()).decode()
    return f"data:image/{'png' if small else 'jpeg'};base64,{content}"


def augment(pixels: np.ndarray, seed: int, *, shift: float, zoom: float, flip: bool) -> np.ndarray:
    """Pixels [..., C, H, W] shifted, scaled and mirrored at random, all frames alike.

    Args:
        pixels: of one or several frames.
        seed: of the random numbers.
        shift: at most this share of the side; what comes into view repeats the edge.
        zoom: at most this share larger or smaller.
        flip: whether one in two is mirrored.
    """
    generator = np.random.default_rng(seed)
    *_, height, width = pixels.shape
    scale = 1 + zoom * generator.uniform(-1, 1)
    down, right = shift * generator.uniform(-1, 1, 2) * (height, width)
    rows = nearest_pixels(height, scale, down)
    columns = nearest_pixels(width, scale, right)
    if flip and generator.random() < 0.5:
        columns = columns[::-1]
    return np.ascontiguousarray(pixels[..., rows[:, None], columns])


def nearest_pixels(size: int, scale: float, shift: float) -> np.ndarray:
    """The index of the pixel at each place of a row [size], scaled about its middle and shifted."""
    middle = (size - 1) / 2
    places = np.round((np.arange(size) - middle) * scale + middle + shift)
    return np.clip(places, 0, size - 1).astype(np.int64)
