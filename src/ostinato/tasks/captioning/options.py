"""Options of captioning: its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Literal

from ostinato.data.images.image_loader import ImageLoader
from ostinato.data.images.onnx_encoder import NORMALISATIONS, OnnxEncoder
from ostinato.errors import InputError, option_name
from ostinato.options import OneOf, option
from ostinato.tasks.shared.recurrent_options import RecurrentOptions
from ostinato.tasks.shared.search_options import SearchOptions
from ostinato.tasks.shared.text_scores import TextScoreOptions


@dataclass(frozen=True)
class CaptioningOptions(SearchOptions, TextScoreOptions, RecurrentOptions):
    answer: ClassVar[str] = "caption for each image"
    format_1_state_only: ClassVar[tuple[str, ...]] = ("encoder",)  # the digest, not the file

    # the data
    image_column: str | None = option(
        None, "the column of the image (default: image, file_name)", or_number=True
    )
    caption_column: str | None = option(
        None, "the column of the caption (default: caption)", or_number=True
    )
    image_size: int = option(
        32,
        "pictures are scaled to fit a square of this many pixels a side",
        minimum=8,
        maximum=1024,
    )
    image_folder: str | None = option(
        None,
        "the folder of the images that a table or COCO's JSON names (default: that of the table)",
        when_predicting=True,
        group="data",
        path="given",
    )
    pixel_maximum: float | None = option(
        None,
        "the value of a white pixel in an .npz or array (default: 1, 255 or 65535, by the type "
        "and the greatest value of all training data)",
        above=0,
        when_predicting=True,
        group="data",
    )
    features: str | None = option(
        None,
        "an .npz of features [N, D] or [N, R, D] with names [N], for the images that a table names",
        when_predicting=True,
        path="kept",
    )
    encoder: str | None = option(
        None,
        "a pretrained convolutional network, as an ONNX file; it is not trained further",
        when_predicting=True,
        path="kept",
    )
    encoder_output: str | None = option(None, "which output of --encoder (default: the first)")
    normalise_pixels: Annotated[str, OneOf(*NORMALISATIONS)] = option(
        "imagenet", "how pixels are scaled for --encoder"
    )
    feature_cache: str | None = option(
        None,
        "a folder that caches the features computed by --encoder",
        when_predicting=True,
        path="written",
    )
    shift: float = option(
        0.08,
        "augmentation: pictures are shifted by up to this share of their side",
        minimum=0,
        maximum=0.5,
    )
    zoom: float = option(
        0.08,
        "augmentation: pictures are scaled up or down by up to this share",
        minimum=0,
        maximum=0.5,
    )
    flip: bool = option(
        False,
        "augmentation: half of the pictures are mirrored; not for captions that say left or right",
    )
    unit: Literal["word", "subword", "character"] = option("word", "what a token of a caption is")
    vocabulary_size: int | None = option(
        None,
        "maximum size of the vocabulary, in tokens (default: 20,000; 8,000 subwords)",
        minimum=10,
    )
    minimum_count: int = option(1, "words seen less often become <unk>", minimum=1)
    lowercase: bool = option(False, "lower-case everything")
    maximum_tokens: int = option(60, "longer captions are left out of training", minimum=1)
    # the model
    hidden_size: int = option(
        256, "units of the decoder, and dimensions of a region's projected features", minimum=2
    )
    embedding_size: int = option(256, "dimensions of a word embedding", minimum=1)
    channels: int = option(
        128,
        "channels of the convolutional network's last stage; earlier: a half and a quarter",
        minimum=4,
    )
    thumbnail: int = option(
        16,
        "side in pixels at which the encoder also reads the whole picture; 0: regions only",
        minimum=0,
        maximum=64,
    )
    attention: Literal["none", "dot", "general", "additive"] = option(
        "additive", "the score of the decoder's attention to the regions or frames"
    )
    input_feeding: bool = option(False, "the attention vector is an input of the next step")
    context: Literal["initial", "every"] = option(
        "every",
        "initial: the image vector is the decoder's initial state; every: also an input of every "
        "step",
    )
    tied: bool = option(True, "the output layer shares the embedding's weights")
    dropout: float = option(
        0.2, "on word embeddings, regions, and before the output layer", minimum=0, maximum=0.99
    )
    label_smoothing: float = option(
        0.1,
        "probability mass spread over all tokens in the training targets",
        minimum=0,
        maximum=0.99,
    )
    teacher_forcing: float = option(
        1.0,
        "probability that a training step sees the true previous token, not the model's own",
        minimum=0,
        maximum=1,
    )
    members: int = option(
        1, "networks trained together, whose probabilities are averaged", minimum=1, maximum=100
    )
    dev_metric: Literal["bleu", "exact_match", "perplexity"] | None = option(
        None,
        "the dev score that chooses the best weights (default: bleu; perplexity where most "
        "captions have fewer than four words)",
    )

    # decoding
    align: bool = option(
        False,
        "with --json, the attention weights of each token over the regions or frames",
        when_predicting=True,
    )
    maximum_length: int = option(40, "maximum tokens of a caption", minimum=1, when_predicting=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.input_feeding and self.attention == "none":
            raise InputError(
                f"{option_name('input_feeding')} needs an {option_name('attention')} other than "
                "none"
            )
        if self.hidden_size % 2:
            raise InputError(
                f"{option_name('hidden_size')} must be even, half of it for each direction over "
                "frames; "
                f"got {self.hidden_size}"
            )
        if self.features is not None and self.encoder is not None:
            raise InputError(
                f"{option_name('features')} and {option_name('encoder')} exclude each other: "
                "both say where features come from"
            )

    @cached_property
    def loader(self) -> ImageLoader:
        """Loads images at --image-size, or with --encoder their features.

        One loader for each options object, so that reading and fitting share its cache and an
        image is decoded, or encoded, only once."""
        if self.encoder is None:
            return ImageLoader(self.image_size, pixel_maximum=self.pixel_maximum)
        encoder = OnnxEncoder(
            self.encoder,
            normalise=self.normalise_pixels,
            cache=self.feature_cache,
            output=self.encoder_output,
        )
        size = encoder.size or self.image_size
        return ImageLoader(size, encoder, pixel_maximum=self.pixel_maximum)
