"""Reads clips from .npz files: pixels or features of frames, with labels of clips or frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ostinato.data.files.npz import is_npz
from ostinato.data.files.wording import display_path
from ostinato.data.images.pixel_range import check_numbers, check_range, check_scale
from ostinato.data.images.video_clips import (
    Clip,
    as_frames,
    empty_clip,
    read_clips,
    read_unlabelled,
)
from ostinato.errors import InputError
from ostinato.tasks.reader import Reader
from ostinato.tasks.video.labels import labels_of


class VideoReader(Reader):
    decodes: ClassVar[Mapping[str, str]] = {"application/x-npz": ".npz"}

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Clip]:
        name = " ".join(map(display_path, files))
        records = [clip for file in files for clip in read_clips(file, training=training)]
        if not records:
            raise InputError(f"{name}: no examples (0 clips)")
        for record in records:
            self.check(record, records[0])
        self.check_pixels(records, name)
        if training and len({label for record in records for label in labels_of(record)}) < 2:
            raise InputError(
                f"{name}: all {len(records):,} clips have the label {labels_of(records[0])[0]!r}; "
                "a classifier needs examples of two labels or more"
            )
        return records

    def check(self, record: Clip, first: Clip) -> None:
        """Raises InputError for a clip without labels, or with frames or labels of another kind
        than the model's or, before fitting, than the first clip's.
        """
        self.check_frames(record, first.frames.shape[1:])
        if not labels_of(record):
            raise InputError(
                f"{record.where}: no label; add y [N], a label a clip, or [N, T], one a frame"
            )
        fitted = self.preprocessing is not None
        per_frame = self.preprocessing.per_frame if fitted else isinstance(first.label, tuple)
        if isinstance(record.label, tuple) != per_frame:
            kinds = ("a label a clip", "a label a frame")
            whose = "the model gives" if fitted else "the others have"
            raise InputError(
                f"{record.where}: {kinds[not per_frame]}, but {whose} {kinds[per_frame]}"
            )

    def check_compatible(self, records: Sequence[Clip]) -> None:
        for record in records:
            self.check(record, record)
        if records:
            self.check_pixels(records, records[0].where.rpartition(":")[0])

    def check_pixels(self, records: Sequence[Clip], name: str) -> None:
        """Raises InputError for pixels of another range than the model's; `name` names the
        files.
        """
        maximum = None if self.preprocessing is None else self.options.pixel_maximum
        if maximum is not None and len(self.preprocessing.shape) == 3:
            for record in records:
                check_range(record.frames, record.where, maximum)
            check_scale([record.frames for record in records], name, maximum)

    def check_frames(self, record: Clip, first: tuple[int, ...]) -> None:
        """Raises InputError for frames of another shape than the model's, or than the first
        clip's.
        """
        fitted = self.preprocessing is not None
        wanted = self.preprocessing.shape if fitted else first
        if record.frames.shape[1:] != wanted:
            whose = "the model was trained on" if fitted else "the first clip has"
            raise InputError(
                f"{record.where or 'the input'}: {describe_shape(record.frames.shape[1:])}, "
                f"but {whose} {describe_shape(wanted)}"
            )

    def read_inputs(self, files: Sequence[str]) -> Iterator[Clip]:
        for file in files:
            records: Iterable[Clip] = read_unlabelled([file])
            if is_npz(file):  # whole file is in memory already
                records = whole = list(records)
                self.check_pixels(whole, display_path(file))
            for record in records:
                if len(record.frames):
                    self.check_frames(record, self.preprocessing.shape)
                yield record

    def as_record(self, value: Any) -> Clip:
        """Makes a Clip of frames, or of a pair (frames, label or labels).

        Frames are an array or lists: [T, D], [T, H, W] or [T, H, W, C].
        """
        if isinstance(value, Clip):
            return value
        label: str | tuple[str, ...] = ""
        is_pair = isinstance(value, tuple) and len(value) == 2
        if is_pair and isinstance(value[1], str | list | tuple):
            value, label = value[0], value[1] if isinstance(value[1], str) else tuple(value[1])
        if isinstance(value, str) and not value.strip():
            return Clip(empty_clip(), label)
        shape = self.preprocessing.shape
        if isinstance(value, np.ndarray) and value.ndim == 4 and value.shape[1:] == shape:
            frames = value  # in the layout of Clip.frames already
        else:
            frames = as_frames(value)
        record = Clip(frames, label)
        self.check_frames(record, shape)
        if len(shape) == 3:
            check_numbers(frames, "the input")
            check_range(frames, "the input", self.options.pixel_maximum)
        return record

    def key(self, record: Clip) -> bytes:
        return record.frames.tobytes()


def describe_shape(shape: Sequence[int]) -> str:
    """A clip's shape in words.

    describe_shape((3, 24, 32)) -> "32 x 24 pixels in colour"
    describe_shape((258,)) -> "258 features"
    """
    if len(shape) == 1:
        return f"{shape[0]:,} features"
    return f"{shape[2]} x {shape[1]} pixels{' in colour' if shape[0] == 3 else ''}"
