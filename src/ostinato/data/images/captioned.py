"""Captioned images: tables that name images, and `.npz` files of images, features or frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.npz import is_npz, list_arrays, load_arrays, split_series, trim_padding
from ostinato.data.files.streams import FilePath, cannot_open
from ostinato.data.files.table import Row, is_table, read_table
from ostinato.data.files.wording import display_path, quote
from ostinato.data.images.coco import coco_images, load_coco
from ostinato.data.images.images import is_image, split_part
from ostinato.data.images.pixel_range import decide_pixel_maximum
from ostinato.errors import InputError, option_name

CONTENTS = ("images", "features", "frames")  # what an .npz may hold, one of these
ARRAYS = (*CONTENTS, "lengths", "names", "captions")
Features = Mapping[str, np.ndarray]  # of named images


class Picture(NamedTuple):
    """Picture("photos/cat.jpg", ("a cat", "a sleeping cat"), "train.tsv:7")

    Attributes:
        image: a file (or a part of one), or an array: pixels [H, W, C] of any type, features of
            regions [R, D], or in their order frames [T, H, W, C] of pixels or features of frames
            [T, D]; features are float32.
        captions: of the image.
        where: its place for messages.
        ordered: whether the first dimension of `image` is time.
    """

    image: str | np.ndarray
    captions: tuple[str, ...] = ()
    where: str = ""
    ordered: bool = False

    @property
    def has_pixels(self) -> bool:
        """Whether the image is an array of pixels, not a file and not features."""
        image = self.image
        return not isinstance(image, str) and (image.ndim > 2 or image.dtype.kind != "f")


def find_pixel_maximum(records: Sequence[Picture]) -> float | None:
    """The value of white in the arrays of records that belong together, as of
    `decide_pixel_maximum`; None where there are no arrays of pixels."""
    arrays = [record for record in records if record.has_pixels]
    if not arrays:
        return None
    try:
        return decide_pixel_maximum(np.asarray(record.image) for record in arrays)
    except InputError:
        for record in arrays:
            decide_pixel_maximum([np.asarray(record.image)], record.where or "the image")
        raise


def read_captioned(
    files: Sequence[FilePath],
    *,
    image_column: str | None = None,
    caption_column: str | None = None,
    features: Features | None = None,
    folder: str | None = None,
) -> list[Picture]:
    """The captioned images of the files, one record an image with all of its captions.

    They come in the order of their first captions. A table has columns image (a path from the
    table's own folder, or a name among `features`) and caption, or captions, a list; COCO's JSON
    has images and annotations; an .npz has one of the arrays

        images    [N, H, W, 3], [N, H, W] of 0 to 255
        features  [N, D], or of regions [N, R, D]
        frames    [N, T, H, W, C] or [N, T, D] with `lengths` [N] (default: all T); or all
                  concatenated, [sum of lengths, ...]

    and captions [N] or [N, K] of text, the empty ones ignored.

    Args:
        files: tables and .npz files, gzipped or not.
        image_column: the name of the tables' column of images, if not a usual one.
        caption_column: the name of the tables' column of captions, if not a usual one.
        features: of the images that the tables name.
        folder: of the images that the tables name; default: the table's own.

    Raises:
        InputError: with file and line: a caption without its image, an image without a caption, no
            such file or name.
    """
    records: list[Picture] = []
    for file in files:
        if is_npz(file):
            found = list(read_npz(file))
        elif (coco := load_coco(file)) is not None:
            found = [
                Picture(find_image(name, file, where, features, folder), captions, where)
                for name, captions, where in coco_images(coco, file)
                if captions
            ]
        else:
            found = list(read_rows(file, image_column, caption_column, features, folder))
        if not found:
            raise InputError(f"{display_path(file)}: no examples (0 lines)")
        records += found
    if not records:
        raise InputError("no file given; expected a table with columns image and caption, or .npz")
    missing = next((record for record in records if not record.captions), None)
    if missing is not None:
        raise InputError(
            f"{missing.where}: an image without a caption; complete the row or remove it"
        )
    return merge_captions(records)


def merge_captions(records: Sequence[Picture]) -> list[Picture]:
    """Records of one image as one record; arrays are one image where they are one object."""
    merged: dict[str | int, Picture] = {}
    for record in records:
        key = record.image if isinstance(record.image, str) else id(record.image)
        before = merged.get(key)
        merged[key] = (
            record
            if before is None
            else before._replace(captions=(*before.captions, *record.captions))
        )
    return list(merged.values())


def read_rows(
    file: FilePath,
    image_column: str | None,
    caption_column: str | None,
    features: Features | None,
    folder: str | None,
) -> Iterator[Picture]:
    """The rows of a table, a caption or a list of them each; arguments as of `read_captioned`."""
    for row in read_table(
        file, ("image", "caption"), names={"image": image_column, "caption": caption_column}
    ):
        captions = row_captions(row)
        where = f"{display_path(file)}:{row.line}"
        image = find_image(row.text("image").strip(), file, where, features, folder)
        if isinstance(image, str) and not image:
            raise InputError(f"{where}: a caption without its image; complete the row or remove it")
        yield Picture(image, captions, where)


def row_captions(row: Row) -> tuple[str, ...]:
    """The captions of a row: a text, or a list of texts, those that are not blank."""
    value = row.values["caption"]
    if isinstance(value, list):
        wrong = next((each for each in value if not isinstance(each, str)), "")
        if wrong != "":
            what = "null" if wrong is None else quote(wrong, 40)
            raise InputError(
                f"{display_path(row.file)}:{row.line}: 'captions' must be a list of texts; "
                f"one is {what}"
            )
        texts = value
    else:
        texts = [row.text("caption")]
    return tuple(" ".join(text.split()) for text in texts if text.strip())


def find_image(
    name: str, file: FilePath, where: str, features: Features | None, folder: str | None
) -> str | np.ndarray:
    """The image that a file names: a path from `folder` or the file's own, or its features."""
    if not name:
        return ""
    if features is not None:
        return find_features(name, features, where)
    found = resolve_path(name, file, folder)
    path = split_part(found)[0]
    try:
        missing = not Path(path).is_file()
    except (OSError, ValueError) as error:  # a name of thousands of characters, or with a zero
        raise InputError(f"{where}: {cannot_open(path[:200], error)}") from None
    if missing:
        remedy = "" if folder else f"; another folder of images: {option_name('image_folder')}"
        raise InputError(f"{where}: {cannot_open(path, FileNotFoundError())}{remedy}")
    return found


def find_features(name: str, features: Features, where: str) -> np.ndarray:
    """An image's features by its name, or by the last part of its path."""
    for each in (name, Path(name).name, Path(name).stem):
        if each in features:
            return features[each]
    raise InputError(
        f"{where}: no image {quote(name)} among the {len(features):,} names "
        f"of {option_name('features')}"
    )


def resolve_path(name: str, table: FilePath, folder: str | None = None) -> str:
    """A path seen from `folder`, or from the folder of the file that names it.

    resolve_path("a.png", "data/train.tsv") -> "data/a.png" """
    if folder is not None and not Path(name).is_absolute():
        return str(Path(folder) / name)
    return name if str(table) == "-" or Path(name).is_absolute() else str(Path(table).parent / name)


def read_images(
    files: Sequence[FilePath],
    *,
    image_column: str | None = None,
    features: Features | None = None,
    folder: str | None = None,
) -> Iterator[Picture]:
    """What is to be captioned: images themselves, tables, .npz files, or lists of paths.

    One record for each, also for blank lines; arguments as of `read_captioned`."""
    for file in files:
        if is_image(file):
            yield Picture(str(file), where=str(file))
        elif is_npz(file):
            yield from read_npz(file)
        elif (coco := load_coco(file)) is not None:
            for name, captions, where in coco_images(coco, file):
                yield Picture(find_image(name, file, where, features, folder), captions, where)
        elif is_table(file):
            names = {"image": image_column}
            for row in read_table(
                file, ("image",), optional=("caption",), names=names, keep_blank=True
            ):
                captions = row_captions(row) if row.values.get("caption") else ()
                where = f"{display_path(file)}:{row.line}"
                image = find_image(row.text("image").strip(), file, where, features, folder)
                yield Picture(image, captions, where)
        else:
            for number, line in enumerate(iterate_lines(file), start=1):
                where = f"{display_path(file)}:{number}"
                image = find_listed(line.strip(), file, features, where, folder)
                yield Picture(image, where=where)


def find_listed(
    name: str, file: FilePath, features: Features | None, where: str, folder: str | None
) -> str | np.ndarray:
    """An image on a line of a list: a name among the features, or a path.

    Paths are seen from `folder` or the list's own, or from the working directory."""
    if features is not None and name:
        return find_features(name, features, where)
    other = resolve_path(name, file, folder) if name else ""
    try:
        return other if name and Path(split_part(other)[0]).is_file() else name
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: {cannot_open(name[:200], error)}") from None


def read_features(file: FilePath) -> dict[str, np.ndarray]:
    """The features of named images: name -> [R, D].

    Raises:
        InputError: no names, or a name twice.
    """
    arrays = load_arrays(file, ARRAYS)
    if "features" not in arrays or "names" not in arrays or arrays["names"].ndim != 1:
        raise InputError(
            f"{display_path(file)}: expected arrays features [N, D] or [N, R, D] and names [N]; "
            f"got {', '.join(arrays) or 'none'}"
        )
    names = [str(name) for name in arrays["names"].tolist()]
    found = [image for image, *_ in check_arrays(arrays, file)]
    if len(names) != len(found) or len(set(names)) != len(names):
        raise InputError(
            f"{display_path(file)}: names must be one for each of {len(found):,} images, each "
            f"once; got {len(names):,}, {len(set(names)):,} different ones"
        )
    return dict(zip(names, found, strict=True))


def read_npz(file: FilePath) -> Iterator[Picture]:
    """The images, features or frames of an .npz file.

    Raises:
        InputError: none or two of these, another shape, NaN, Python objects.
    """
    arrays = load_arrays(file, ARRAYS)
    for image, captions, where, ordered in check_arrays(arrays, file):
        yield Picture(image, captions, where, ordered)


def check_arrays(
    arrays: dict[str, np.ndarray], file: FilePath
) -> Iterator[tuple[np.ndarray, tuple[str, ...], str, bool]]:
    """(image, captions, where, ordered) of each image in the arrays of an .npz file."""
    held = [name for name in CONTENTS if name in arrays]
    if len(held) != 1:
        raise InputError(
            f"{display_path(file)}: expected one array of images, features or frames; "
            f"got {' and '.join(held) or f'none of them among {list_arrays(file)}'}"
        )
    kind, values = held[0], arrays[held[0]]
    if values.dtype.kind not in "fiub" or values.ndim < 2:
        raise InputError(
            f"{display_path(file)}: {kind} must be numbers [N, ...]; "
            f"got {values.dtype} of shape {list(values.shape)}"
        )
    rows = (
        split_series(values, arrays.get("lengths"), file, name=kind)
        if kind != "images"
        else list(values)
    )
    if "lengths" not in arrays and kind != "images" and values.ndim > 2:
        rows = trim_padding(rows, file)
    captions = read_captions(arrays, len(rows), file)
    noun = "clip" if kind == "frames" else kind.removesuffix("s")
    for number, (one, texts) in enumerate(zip(rows, captions, strict=True), start=1):
        where = f"{display_path(file)}: {noun} {number}"
        yield check_image(one, kind, where), texts, where, kind == "frames"


def check_image(values: np.ndarray, kind: str, where: str) -> np.ndarray:
    """One image's values in the shape that a record has them in."""
    if not values.size:
        raise InputError(f"{where}: has nothing in it; remove it")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        index = ", ".join(str(int(index) + 1) for index in np.argwhere(~np.isfinite(values))[0])
        raise InputError(
            f"{where}: the value at [{index}] is not a finite number; fill it in or remove it"
        )
    if kind == "features" or (kind == "frames" and values.ndim <= 2):
        if values.ndim > 2:
            raise InputError(
                f"{where}: features must be [D], or of regions [R, D]; "
                f"got shape {list(values.shape)}"
            )
        shape = (1, -1) if kind == "features" and values.ndim == 1 else (len(values), -1)
        return np.asarray(values, dtype=np.float32).reshape(shape)
    return values[..., None] if kind == "images" and values.ndim == 2 else values


def read_captions(
    arrays: Mapping[str, np.ndarray], number: int, file: FilePath
) -> list[tuple[str, ...]]:
    """The captions of each of `number` images, () where the file has none."""
    if "captions" not in arrays:
        return [()] * number
    given = arrays["captions"]
    if given.ndim not in (1, 2) or len(given) != number or given.dtype.kind not in "US":
        raise InputError(
            f"{display_path(file)}: captions must be text [N] or [N, K] for {number:,} images; "
            f"got {given.dtype} of shape {list(given.shape)}"
        )
    rows = [[row] if isinstance(row, str | bytes) else row for row in given.tolist()]
    texts = [
        [each.decode(errors="replace") if isinstance(each, bytes) else each for each in row]
        for row in rows
    ]
    return [tuple(" ".join(text.split()) for text in row if text.strip()) for row in texts]
