"""What labelling films can be asked for: its options, and so its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ostinato.cells import CELLS
from ostinato.errors import InputError
from ostinato.models.classifier import POOLINGS
from ostinato.options import option

SOLVED = ("most-frequent",)
NEURAL = ("feedforward",)


@dataclass
class VideoOptions:
    # the data
    class_weights: Literal["none", "balanced", "root"] = option(
        "none", "balanced: rare classes count as much as frequent ones; root: half-way there"
    )
    crop: float | None = option(
        None,
        "while training, a random part of each clip, at least this share of it (default: 0.5 of fewer than "
        "500 clips of features with a label each that are pooled by mean, max, attention or ensemble; else 1)",
        above=0,
        maximum=1,
    )
    shift: float = option(
        0.05,
        "while training, films are moved by up to this share of their side",
        minimum=0,
        maximum=0.5,
    )
    zoom: float = option(
        0.05,
        "while training, films are made larger or smaller by up to this share",
        minimum=0,
        maximum=0.5,
    )
    flip: bool = option(
        False,
        "while training, films are mirrored one time in two: not where labels mean left or right",
    )
    # the model
    model: Literal[("recurrent", *CELLS, *NEURAL, *SOLVED)] = option(
        "recurrent", "a recurrent network (of --cell), or a baseline"
    )
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(128, "units of each layer, both directions together", minimum=1)
    embedding_size: int = option(
        96, "dimensions of what the convolutional network says of a frame of pixels", minimum=1
    )
    channels: int = option(
        48,
        "what it knows of each region of a frame; layers before have a half and a quarter",
        minimum=4,
    )
    layers: int = option(1, "recurrent layers", minimum=1)
    members: int | None = option(
        None,
        "networks trained side by side, whose probabilities are averaged (default: 4 for a recurrent "
        "network that learns from features of up to 20,000 frames; else 1)",
        minimum=1,
    )
    bidirectional: bool = option(True, "read both ways")
    pooling: Literal[POOLINGS] = option(
        "mean", "of a label a clip: how the states of all frames become one"
    )
    dropout: float = option(0.3, "between layers, and before the output", minimum=0, maximum=0.99)
    input_dropout: float = option(
        0.0,
        "on features, or on what the convolutional network says of a frame",
        minimum=0,
        maximum=0.99,
    )
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    label_smoothing: float = option(
        0.0, "share of probability spread over all classes while training", minimum=0, maximum=0.99
    )
    fixed_length: int | None = option(
        None,
        "feedforward: frames it sees (default: what 95 % of the training clips have)",
        minimum=1,
    )
    dev_metric: Literal["accuracy", "f1", "perplexity"] = option(
        "accuracy", "the dev score that chooses the best weights"
    )

    def __post_init__(self):
        super().__post_init__()  # ManyModels's
        if self.bidirectional and self.hidden_size % 2 and self.model == "recurrent":
            raise InputError(
                f"--hidden-size must be even with --bidirectional; got {self.hidden_size}"
            )
