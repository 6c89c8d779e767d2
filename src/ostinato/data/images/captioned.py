"""Captioned images: tables that name images, and `.npz` files of images, features or frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ostinato.data.files.columns import Row
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.npz import is_npz
from ostinato.data.files.printed_list import parse_printed_list
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import begins_as_table, is_table, read_table
from ostinato.data.files.wording import display_path, quote
from ostinato.data.images.coco import coco_images, load_coco
from ostinato.data.images.image_paths import Features, find_image, find_listed
from ostinato.data.images.images import is_image
from ostinato.data.images.picture import Picture
from ostinato.data.images.picture_arrays import read_picture_arrays
from ostinato.errors import InputError

CAPTION_KEYS = ("caption", "raw", "text", "sentence")  # of an object that is a caption


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
    has images and annotations; another object has the captions of each image by its name; an .npz
    has one of the arrays

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
            found = list(read_picture_arrays(file))
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
    """The captions of a row: a text, or a list of texts, those that are not blank.

    Lists are also read as Python prints them, and of objects with a text each, as COCO's."""
    value = row.values["caption"]
    if isinstance(value, str):
        value = parse_printed_list(value)
    if isinstance(value, list):
        texts = [read_caption(each) for each in value]
        wrong = next((one for one, text in zip(value, texts, strict=True) if text is None), "")
        if wrong != "":
            what = "null" if wrong is None else quote(wrong, 40)
            raise InputError(
                f"{display_path(row.file)}:{row.line}: 'captions' must be a list of texts; "
                f"one is {what}"
            )
    else:
        texts = [row.text("caption")]
    return tuple(" ".join(text.split()) for text in texts if text and text.strip())


def read_caption(value: Any) -> str | None:
    """A caption of a list: a text, or the text of an object; None for anything else."""
    if isinstance(value, dict):
        value = next((value[key] for key in CAPTION_KEYS if key in value), None)
    return value if isinstance(value, str) else None


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
            yield from read_picture_arrays(file)
        elif (coco := load_coco(file)) is not None:
            for name, captions, where in coco_images(coco, file):
                yield Picture(find_image(name, file, where, features, folder), captions, where)
        elif is_table(file) or begins_as_table(file, "image", image_column):
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
