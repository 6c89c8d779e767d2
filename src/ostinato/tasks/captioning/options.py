"""What captioning can be asked for: its options, and so its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ostinato.cells import CELLS
from ostinato.data.images.onnx_encoder import NORMALISATIONS
from ostinato.errors import InputError
from ostinato.options import option


@dataclass
class CaptioningOptions:
    # the data
    image_column: str | None = option(None, "the column of the image (default: image, file_name)")
    caption_column: str | None = option(None, "the column of the caption (default: caption)")
    image_size: int = option(
        32, "pictures are made to fit a square of so many pixels a side", minimum=8, maximum=1024
    )
    features: str | None = option(
        None,
        "an .npz of features [N, D] or [N, R, D] with names [N]: the table's images are looked up there",
        when_predicting=True,
    )
    encoder: str | None = option(
        None,
        "a convolutional network of your own, as an ONNX file; it is not trained",
        when_predicting=True,
    )
    encoder_output: str | None = option(None, "which of its outputs (default: the first)")
    normalise_pixels: Literal[tuple(NORMALISATIONS)] = option(
        "imagenet", "how pixels are scaled for --encoder"
    )
    feature_cache: str | None = option(
        None,
        "a folder where what --encoder computed is kept for the next time",
        when_predicting=True,
    )
    shift: float = option(
        0.08,
        "while training, pictures are moved by up to this share of their side",
        minimum=0,
        maximum=0.5,
    )
    zoom: float = option(
        0.08,
        "while training, pictures are made larger or smaller by up to this share",
        minimum=0,
        maximum=0.5,
    )
    flip: bool = option(
        False,
        "while training, pictures are mirrored one time in two: not where captions say left or right",
    )
    unit: Literal["word", "subword", "character"] = option("word", "what a token of a caption is")
    vocabulary_size: int | None = option(
        None, "most tokens of the vocabulary (default: 20,000; 8,000 subwords)", minimum=10
    )
    minimum_count: int = option(1, "words seen less often become <unk>", minimum=1)
    lowercase: bool = option(False, "lower-case everything")
    maximum_tokens: int = option(60, "longer captions are left out of training", minimum=1)
    # the model
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(
        256, "units of the decoder, and of what it knows of each region", minimum=2
    )
    embedding_size: int = option(256, "dimensions of a word's vector", minimum=1)
    layers: int = option(1, "recurrent layers", minimum=1)
    channels: int = option(
        128,
        "what the convolutional network knows of each region; layers before have a half and a quarter",
        minimum=4,
    )
    thumbnail: int = option(
        16,
        "the whole of a picture is looked at, too, at so many pixels a side; 0: only its regions",
        minimum=0,
        maximum=64,
    )
    attention: Literal["none", "dot", "general", "additive"] = option(
        "additive", "how the decoder looks at the regions, or at frames"
    )
    input_feeding: bool = option(False, "attention's result is an input of the next step")
    context: Literal["initial", "every"] = option(
        "every", "the picture's vector as first state only, or as input of every step, too"
    )
    tied: bool = option(True, "the output layer shares the word vectors' weights")
    dropout: float = option(
        0.2, "on word vectors, regions, and before the output", minimum=0, maximum=0.99
    )
    label_smoothing: float = option(
        0.1, "share of probability spread over all tokens while training", minimum=0, maximum=0.99
    )
    teacher_forcing: float = option(
        1.0,
        "probability that a training step sees the true previous word rather than the model's own",
        minimum=0,
        maximum=1,
    )
    members: int = option(
        1, "networks trained side by side, whose probabilities are averaged", minimum=1
    )
    dev_metric: Literal["bleu", "exact_match", "perplexity"] | None = option(
        None,
        "the dev score that chooses the best weights (default: bleu; perplexity where most captions have fewer than four words)",
    )

    def __post_init__(self):
        if self.input_feeding and self.attention == "none":
            raise InputError("--input-feeding needs an --attention other than none")
        if self.hidden_size % 2:
            raise InputError(
                f"--hidden-size must be even, half of it for each direction over frames; got {self.hidden_size}"
            )
        if self.features is not None and self.encoder is not None:
            raise InputError(
                "--features and --encoder exclude each other: both say where features come from"
            )
