"""Options of the augmentation of recordings during training."""

from __future__ import annotations

from dataclasses import dataclass

from ostinato.options import option
from ostinato.tasks.task_options import TaskOptions


@dataclass(frozen=True)
class AugmentationOptions(TaskOptions):
    """Random changes of speed and pitch, noise, and masks (SpecAugment, Park et al. 2019)."""

    speed: float = option(
        0.1,
        "while training, stretch or squeeze recordings in time by up to this share",
        minimum=0,
        maximum=0.5,
        group="regularisation",
    )
    warp: float = option(
        0.1,
        "while training, stretch or squeeze frequencies by up to this share (vocal tract length "
        "perturbation)",
        minimum=0,
        maximum=0.5,
        group="regularisation",
    )
    noise: float = option(
        0.0,
        "while training, standard deviation of the noise added to normalised features",
        minimum=0,
        maximum=10,
        group="regularisation",
    )
    time_masks: int = option(
        2,
        "while training, number of time masks: frames set to the mean (SpecAugment)",
        minimum=0,
        group="regularisation",
    )
    time_mask_share: float = option(
        0.1,
        "longest time mask, as a share of the recording",
        minimum=0,
        maximum=0.5,
        group="regularisation",
    )
    frequency_masks: int = option(
        1,
        "while training, number of frequency masks: neighbouring features set to the mean",
        minimum=0,
        group="regularisation",
    )
    frequency_mask_width: int = option(
        3, "widest frequency mask, in features", minimum=1, group="regularisation"
    )
