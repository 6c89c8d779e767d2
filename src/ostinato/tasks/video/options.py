"""Options of video labelling: its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from ostinato.cells import CELLS
from ostinato.models.classifier import POOLINGS
from ostinato.options import OneOf, option, redefine
from ostinato.tasks.shared.joint_labels import JointOptions
from ostinato.tasks.shared.model_choice import ModelChoice
from ostinato.tasks.shared.recurrent_options import BidirectionalOptions

CLOSED_FORM = ("most-frequent",)
NEURAL = ("feedforward",)


@dataclass(frozen=True)
class VideoOptions(ModelChoice, JointOptions, BidirectionalOptions):
    closed_form_models: ClassVar[tuple[str, ...]] = CLOSED_FORM

    # the data
    class_weights: Literal["none", "balanced", "root"] = option(
        "none",
        "weights of the classes in the loss: balanced is the inverse frequency, root its "
        "square root",
    )
    pixel_maximum: float | None = option(
        None,
        "the value of a white pixel (default: 1, 255 or 65535, by the type and the greatest "
        "value of all training data)",
        above=0,
        when_predicting=True,
        group="data",
    )
    crop: float | None = option(
        None,
        "while training, take a random part of each clip, at least this share of it (default: 0.5 "
        "for fewer than 500 clips of features with one label each and --pooling mean, max, "
        "attention or ensemble; else 1)",
        above=0,
        maximum=1,
    )
    shift: float = option(
        0.05,
        "while training, random shifts of the frames by up to this share of their side",
        minimum=0,
        maximum=0.5,
    )
    zoom: float = option(
        0.05,
        "while training, random scaling of the frames by up to this share",
        minimum=0,
        maximum=0.5,
    )
    flip: bool = option(
        False,
        "while training, random horizontal flips; not for labels that mean left or right",
    )
    # the model
    model: Annotated[str, OneOf("recurrent", *CELLS, *NEURAL, *CLOSED_FORM)] = option(
        "recurrent", "a recurrent network (of --cell), or a baseline"
    )
    hidden_size: int = redefine(BidirectionalOptions, "hidden_size", 128)
    embedding_size: int = option(
        96,
        "size of the vector that the convolutional network makes of a frame of pixels",
        minimum=1,
    )
    channels: int = option(
        48,
        "channels of the convolutional network's last layer; the two before have a half and a "
        "quarter",
        minimum=4,
    )
    members: int | None = option(
        None,
        "networks trained together, whose probabilities are averaged (default: 4 for a recurrent "
        "network on features of at most 20,000 frames; else 1)",
        minimum=1,
        maximum=100,
    )
    pooling: Annotated[str, OneOf(*POOLINGS)] = option(
        "mean", "labels of clips: how the hidden states of all frames are combined"
    )
    dropout: float = option(0.3, "between layers, and before the output", minimum=0, maximum=0.99)
    input_dropout: float = option(
        0.0,
        "on features, or on the convolutional network's vectors",
        minimum=0,
        maximum=0.99,
    )
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    label_smoothing: float = option(
        0.0,
        "probability mass spread over all classes in the training targets",
        minimum=0,
        maximum=0.99,
    )
    fixed_length: int | None = option(
        None,
        "feedforward: input length in frames (default: the 95th percentile of the training data)",
        minimum=1,
    )
    dev_metric: Literal["accuracy", "f1", "perplexity"] = option(
        "accuracy", "the dev score that chooses the best weights"
    )
