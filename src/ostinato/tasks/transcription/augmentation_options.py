"""Options of the augmentation of recordings while training."""

from __future__ import annotations

from dataclasses import dataclass

from ostinato.options import option
from ostinato.tasks.task_options import TaskOptions


@dataclass(frozen=True)
class AugmentationOptions(TaskOptions):
    """Random changes of speed, of frequencies and of noise, and masks (SpecAugment, Park 2019)."""

    speed: float = option(
        0.1,
        "while training, frames stretched or squeezed in time by up to this share",
        minimum=0,
        maximum=0.5,
        group="regularisation",
    )
    warp: float = option(
        0.1,
        "while training, frequencies stretched or squeezed by up to this share, as by other vocal "
        "tracts (VTLP)",
        minimum=0,
        maximum=0.5,
        group="regularisation",
    )
    noise: float = option(
        0.0,
        "while training, deviation of the noise added to normalised features",
        minimum=0,
        maximum=10,
        group="regularisation",
    )
    time_masks: int = option(
        2,
        "while training, stretches of frames set to the mean (SpecAugment)",
        minimum=0,
        group="regularisation",
    )
    time_mask_share: float = option(
        0.1, "their longest share of a recording", minimum=0, maximum=0.5, group="regularisation"
    )
    frequency_masks: int = option(
        1,
        "while training, bands of neighbouring features set to the mean",
        minimum=0,
        group="regularisation",
    )
    frequency_mask_width: int = option(3, "their most features", minimum=1, group="regularisation")
