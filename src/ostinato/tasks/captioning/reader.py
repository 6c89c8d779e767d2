"""Captioned images from tables and .npz files, and images to caption."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from io import BytesIO
from typing import Any, ClassVar

import numpy as np

from ostinato.data.files.npz import is_npz
from ostinato.data.images.captioned import read_captioned, read_images
from ostinato.data.images.image_paths import Features
from ostinato.data.images.images import decode_stream
from ostinato.data.images.picture import Picture, find_pixel_maximum
from ostinato.data.images.picture_arrays import read_features
from ostinato.data.images.pixel_range import check_scale
from ostinato.errors import InputError
from ostinato.tasks.captioning.image_kinds import check_kind, kind_of, name_of
from ostinato.tasks.reader import Reader


class CaptioningReader(Reader):
    decodes: ClassVar[Mapping[str, str]] = {"application/x-npz": ".npz"}

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Picture]:
        records = read_captioned(
            files,
            image_column=self.options.image_column,
            caption_column=self.options.caption_column,
            features=self.named_features,
            folder=self.options.image_folder,
        )
        if self.preprocessing is not None:
            self.check_compatible(records)
        else:  # all images are decoded first: a damaged one is reported before training begins
            load, first = self.options.loader, records[0]
            if load.pixel_maximum is None:
                load = load.with_pixel_maximum(find_pixel_maximum(records))
            for record in records:
                kind = kind_of(load(record), ordered=record.ordered)
                wanted = kind_of(load(first), ordered=first.ordered)
                check_kind(record, kind, wanted, "the first one has")
        return records

    def read_inputs(self, files: Sequence[str]) -> Iterator[Picture]:
        column = self.options.image_column
        for file in files:
            records: Iterable[Picture] = read_images(
                [file],
                image_column=column,
                features=self.named_features,
                folder=self.options.image_folder,
            )
            if is_npz(file):  # the whole file is in memory already
                records = whole = list(records)
                self.check_scale(whole)
            yield from records

    @cached_property
    def named_features(self) -> Features | None:
        """The arrays of the option `features`, each [D] or [R, D], by image name."""
        return None if self.options.features is None else read_features(self.options.features)

    def check_compatible(self, records: Sequence[Picture]) -> None:
        self.check_scale(records)
        for record in records:
            self.preprocessing.load(record)

    def check_scale(self, records: Sequence[Picture]) -> None:
        """Raises InputError for pixels in [0, 1] if the model was trained on another range."""
        arrays = [record for record in records if record.has_pixels]
        if arrays and self.options.pixel_maximum is not None:
            name = arrays[0].where.rpartition(":")[0] or "the pictures"
            images = [each.image for each in arrays if not isinstance(each.image, str)]
            check_scale(images, name, self.options.pixel_maximum)

    def as_record(self, value: Any) -> Picture:
        """Makes a record of an image, or of a pair of an image and its caption or captions.

        An image is a file, a Pillow image, or an array: pixels [H, W, 3], features [D] or
        [R, D], or frames [T, H, W, C].
        """
        captions: tuple[str, ...] = ()
        if isinstance(value, Picture):
            return value
        if isinstance(value, tuple) and len(value) == 2:
            value, given = value
            captions = (given,) if isinstance(given, str) else tuple(given)
        if isinstance(value, str) or hasattr(value, "__fspath__"):
            return Picture(str(value), captions)
        values = np.asarray(value)
        if values.dtype.kind not in "uifb":
            raise InputError(
                "expected a file, a Pillow image or an array of numbers; "
                f"got {type(value).__name__}"
            )
        if values.dtype.kind == "f" and values.ndim <= 2:
            if not values.size or not np.isfinite(values).all():
                raise InputError("expected finite features [D] or [R, D] with at least one region")
            values = np.atleast_2d(values).astype(np.float32)
        in_time = self.preprocessing is not None and self.preprocessing.kind.name == "steps"
        return Picture(values, captions, ordered=values.ndim == 4 or in_time)

    def decode(self, content: bytes, media_type: str) -> list[Picture]:
        """The picture in the bytes of an image file, decoded by Pillow."""
        if not media_type.startswith("image/"):
            return super().decode(content, media_type)
        image = decode_stream(BytesIO(content), "the image")
        return [self.as_record(np.asarray(image))]

    def key(self, record: Picture) -> str | bytes:
        return record.image if isinstance(record.image, str) else record.image.tobytes()

    def with_target(self, record: Picture, text: str) -> Picture:
        return record._replace(captions=(text,))

    def text_of(self, record: Picture) -> str:
        return name_of(record)
