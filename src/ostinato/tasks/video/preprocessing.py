"""Preprocessing of clips: labels, frame shape and feature scaler; clips as examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ostinato.data.batching.batch import Example
from ostinato.data.files.wording import format_counts
from ostinato.data.images.images import augment
from ostinato.data.images.pixel_range import BYTE, to_bytes
from ostinato.data.images.video_clips import Clip, find_pixel_maximum
from ostinato.data.series.scaler import Scaler
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.shared.class_scores import natural_order
from ostinato.tasks.shared.label_counts import weigh_classes
from ostinato.tasks.shared.small_data import (
    FEW_SEQUENCES,
    FEW_STEPS,
    LEAST_PART,
    MEMBERS,
    POSITION_FREE_POOLINGS,
    random_part,
)
from ostinato.tasks.video.labels import labels_of
from ostinato.tasks.video.options import VideoOptions
from ostinato.tasks.video.reader import describe_shape

MOST_DEVIATIONS = 5.0  # standardised features are clipped here, against outliers


@dataclass(frozen=True)
class VideoPreprocessing(Preprocessing):
    """Labels, frame shape and feature scaler, and the encoding of clips.

    Args:
        options: The task's options.
        labels: The labels by id.
        per_frame: Whether frames are labelled instead of clips.
        shape: The shape of a frame: (C, H, W) for pixels, (D,) for features.
        class_weights: The weight of each label in the loss.
        scaler: Standardises features; None for pixels.
        shares: The share of each label in the training data, for initialisation only.
    """

    options: VideoOptions
    labels: Vocabulary
    per_frame: bool
    shape: tuple[int, ...]
    class_weights: list[float]
    scaler: Scaler | None
    shares: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def fit(cls, options: VideoOptions, records: Sequence[Clip]) -> tuple[VideoOptions, Self]:
        names = [label for record in records for label in labels_of(record)]
        if len(set(names)) < 2:
            raise InputError(
                f"only the label {names[0]!r} is left to learn from once a dev set is held out; "
                f"give {option_name('dev')}, or more examples"
            )
        labels = Vocabulary(natural_order(set(names)), specials=())
        per_frame = isinstance(records[0].label, tuple)
        shape = records[0].frames.shape[1:]
        counts = Counter(names)
        if options.fixed_length is None:
            lengths = [len(record.frames) for record in records]
            options = replace(options, fixed_length=max(1, int(np.quantile(lengths, 0.95))))
        pixel_range = ""
        if len(shape) == 3:
            if options.pixel_maximum is None:
                options = replace(options, pixel_maximum=find_pixel_maximum(records))
            pixel_range = f" of 0 to {options.pixel_maximum:g}"
        notify(
            f"{len(records):,} clips of {describe_shape(shape)}{pixel_range}; {len(labels)} labels"
            f"{' of frames' if per_frame else ''}: {format_counts(names)}"
        )
        scaler = Scaler.fit([clip.frames for clip in records]) if len(shape) == 1 else None
        options = decide_small_data(options, records, features=len(shape) == 1, per_frame=per_frame)
        return options, cls(
            options,
            labels,
            per_frame,
            shape,
            weigh_classes(options.class_weights, Counter(names), labels.tokens),
            scaler,
            np.array([counts[label] / len(names) for label in labels.tokens]),
        )

    def vocabulary(self, side: str) -> Sequence[str]:
        return self.labels.tokens if side == "targets" else ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "labels": self.labels.to_dict(),
            "per_frame": self.per_frame,
            "shape": list(self.shape),
            "weights": self.class_weights,
            "scaler": None if self.scaler is None else self.scaler.to_dict(),
        }

    @classmethod
    def from_dict(cls, options: VideoOptions, state: dict[str, Any]) -> Self:
        shape = tuple(state["shape"])
        if len(shape) == 3 and options.pixel_maximum is None:  # a run of an earlier version
            options = replace(options, pixel_maximum=BYTE)
        return cls(
            options,
            Vocabulary.from_dict(state["labels"]),
            bool(state["per_frame"]),
            shape,
            state["weights"],
            None if state["scaler"] is None else Scaler.from_dict(state["scaler"]),
        )

    @property
    def has_pixels(self) -> bool:
        return len(self.shape) == 3

    @property
    def moves(self) -> bool:
        """Whether frames are shifted, scaled or flipped in training."""
        options = self.options
        asked = options.shift > 0 or options.zoom > 0 or options.flip
        return options.model == "recurrent" and self.has_pixels and asked

    @property
    def crops(self) -> bool:
        """Whether training uses random crops of the clips."""
        crop = self.options.crop
        return self.options.model == "recurrent" and crop is not None and crop < 1

    @property
    def varies(self) -> bool:
        return self.moves or self.crops

    def values(self, clip: Clip) -> np.ndarray:
        """Pixels as uint8 [T, C, H, W], or standardised features [T, D], clipped."""
        if self.scaler is None:
            where = clip.where or "the input"
            return to_bytes(clip.frames, where, self.options.pixel_maximum)
        return self.scaler(clip.frames).clip(-MOST_DEVIATIONS, MOST_DEVIATIONS)

    def encode(self, record: Clip, *, draw: int | None = None) -> Example:
        if not len(record.frames):
            return Example(torch.zeros(0))
        options, frames, targets = self.options, self.values(record), self.targets(record)
        if draw is not None and self.crops:
            frames = random_part(frames, draw, float(options.crop or 1))
            if (
                self.per_frame and targets is not None
            ):  # the same part: its position depends on the seed and the length
                targets = random_part(targets, draw, float(options.crop or 1))
        if draw is not None and self.moves:
            frames = augment(
                frames, draw, shift=options.shift, zoom=options.zoom, flip=options.flip
            )
        return Example(torch.from_numpy(frames), targets)

    def targets(self, record: Clip) -> Tensor | None:
        """The ids of the labels, [T] or a scalar; None where one is missing or unknown."""
        names = labels_of(record)
        if not names or any(name not in self.labels for name in names):
            return None
        ids = torch.tensor([self.labels.token_to_id(name) for name in names])
        return ids if self.per_frame else ids[0]


def decide_small_data(
    options: VideoOptions, records: Sequence[Clip], *, features: bool, per_frame: bool
) -> VideoOptions:
    """Decides crop and members where they were not given: for few clips of features."""
    recurrent = features and options.model == "recurrent"
    if options.crop is None:
        few = (
            recurrent
            and not per_frame
            and options.pooling in POSITION_FREE_POOLINGS
            and len(records) < FEW_SEQUENCES
        )
        options = replace(options, crop=LEAST_PART if few else 1.0)
        if few:
            notify(
                f"{len(records):,} clips are few: training sees random parts, each at least half "
                f"of a clip ({option_name('crop')} 1: the whole)"
            )
    if options.members is None:
        few = recurrent and sum(len(clip.frames) for clip in records) <= FEW_STEPS
        options = replace(options, members=MEMBERS if few else 1)
    return options
