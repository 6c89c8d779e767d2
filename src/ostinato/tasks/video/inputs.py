"""Films as a network reads them: features standardised, pixels as they are; while training perhaps only in part, or moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ostinato.data.images.images import varied
from ostinato.data.images.video_clips import Clip
from ostinato.data.series.scaler import Scaler
from ostinato.tasks.shared.small_data import FEW_SEQUENCES as FEW_SERIES
from ostinato.tasks.shared.small_data import FEW_STEPS, LEAST_PART, MEMBERS
from ostinato.tasks.shared.small_data import POSITION_FREE_POOLINGS as ANYWHERE
from ostinato.tasks.shared.small_data import random_part as some_part

if TYPE_CHECKING:
    from ostinato.tasks.video.task import Video

MOST_DEVIATIONS = 5.0  # a feature further from its mean counts as so far: what is hardly ever seen must not drown all the rest


def fit(task: Video, clips: Sequence[Clip]) -> None:
    """The features' means and deviations, whether parts of the clips are learned from, and by how many networks."""
    features = len(task.shape) == 1
    if features:
        task.scaler = Scaler.fit([clip.frames for clip in clips])
    learns = features and task.model == "recurrent"
    if task.crop is None:
        few = learns and not task.per_frame and task.pooling in ANYWHERE and len(clips) < FEW_SERIES
        task.crop = LEAST_PART if few else 1.0
        if few:
            task.notices.append(
                f"{len(clips):,} clips are few: a random part of each, half of it at least, is learned from at a time "
                "(--crop 1: the whole)"
            )
    if task.members is None:
        task.members = (
            MEMBERS if learns and sum(len(clip.frames) for clip in clips) <= FEW_STEPS else 1
        )


def values(task: Video, clip: Clip) -> np.ndarray:
    """Pixels [T, C, H, W], or features [T, D] as deviations from their means, none larger than a few."""
    return (
        clip.frames
        if task.scaler is None
        else task.scaler(clip.frames).clip(-MOST_DEVIATIONS, MOST_DEVIATIONS)
    )


def encode(
    task: Video, clip: Clip, targets: Tensor | None, draw: int | None
) -> tuple[Tensor, Tensor | None]:
    """What is read of a clip, and its targets; with `draw`, one of its variations, and the targets of the frames that are left."""
    frames = values(task, clip)
    if draw is not None and task.crops:
        frames = some_part(frames, draw, task.crop)
        targets = some_part(targets, draw, task.crop) if task.per_frame else targets
    if draw is not None and task.moves:
        frames = varied(frames, draw, shift=task.shift, zoom=task.zoom, flip=task.flip)
    return torch.from_numpy(frames), targets
