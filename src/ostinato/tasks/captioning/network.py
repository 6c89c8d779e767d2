"""The captioning networks: an encoder of images, region features or frames, and a text decoder."""

from __future__ import annotations

from typing import Any

from torch import nn

from ostinato.data.text.vocabulary import BOS, EOS
from ostinato.layers.convolutional_networks import (
    FeatureProjection,
    FrameNetwork,
    ImageNetwork,
    ThumbnailNetwork,
)
from ostinato.layers.embedding import Embedding
from ostinato.models.captioner import Captioner, ImageEncoder, RegionEncoder
from ostinato.models.decoder import Decoder
from ostinato.models.encoder import Encoder
from ostinato.models.ensemble import EncoderDecoderEnsemble
from ostinato.tasks.captioning.image_kinds import ImageKind
from ostinato.tasks.captioning.options import CaptioningOptions
from ostinato.tasks.captioning.preprocessing import CaptioningPreprocessing


def build_network(options: CaptioningOptions, preprocessing: CaptioningPreprocessing) -> nn.Module:
    """Builds a captioner with initial weights, or an ensemble of `members` of them."""
    if options.members == 1:
        return build_captioner(options, preprocessing)
    return EncoderDecoderEnsemble(
        [build_captioner(options, preprocessing) for _ in range(options.members)]
    )


def build_captioner(
    options: CaptioningOptions, preprocessing: CaptioningPreprocessing
) -> Captioner:
    encoder = build_encoder(options, preprocessing.kind)
    decoder = Decoder(
        Embedding(len(preprocessing.tokenizer), options.embedding_size),
        options.cell_type,
        options.hidden_size,
        memory_size=options.hidden_size,
        layers=options.layers,
        attention=options.attention,
        context=options.context,
        input_feeding=options.input_feeding,
        tied=options.tied,
        dropout=options.dropout,
    )
    return Captioner(
        encoder,
        decoder,
        bos=BOS,
        eos=EOS,
        label_smoothing=options.label_smoothing,
        teacher_forcing=options.teacher_forcing,
    )


def build_encoder(options: CaptioningOptions, kind: ImageKind) -> nn.Module:
    """Builds the encoder for one kind of image input."""
    cell, size, hidden_size = options.cell_type, kind.size, options.hidden_size
    settings: dict[str, Any] = {"layers": options.layers, "dropout": options.dropout}
    channels = options.channels
    widths = [max(1, channels // 4), max(1, channels // 2), channels]
    if kind.name == "pictures":
        network = ImageNetwork(size, widths=widths, batch_norm=True)
        side = min(options.thumbnail, options.image_size)
        glance = (
            ThumbnailNetwork(size, side, 2 * hidden_size, dropout=options.dropout) if side else None
        )
        return ImageEncoder(
            network, options.image_size, cell, hidden_size, glance=glance, **settings
        )
    if kind.name == "regions":
        return RegionEncoder(size, cell, hidden_size, **settings)
    # a FeatureProjection is made for clips, too: its random draws are part of a seed's run
    frames: FeatureProjection | FrameNetwork = FeatureProjection(size, hidden_size)
    if kind.name == "clips":
        frames = FrameNetwork(
            size, hidden_size, (options.image_size,) * 2, widths=widths, dropout=options.dropout
        )
    return Encoder(frames, cell, hidden_size, **settings)
