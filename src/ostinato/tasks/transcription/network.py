"""The network of transcription: a speech encoder with a CTC output."""

from __future__ import annotations

from torch import nn

from ostinato.models.speech_encoder import SpeechEncoder
from ostinato.models.transcriber import Transcriber
from ostinato.tasks.transcription.options import TranscriptionOptions
from ostinato.tasks.transcription.preprocessing import TranscriptionPreprocessing


def build_network(
    options: TranscriptionOptions, preprocessing: TranscriptionPreprocessing
) -> nn.Module:
    """A fresh network."""
    stacking = [1] * options.layers
    if options.subsampling_by == "stack":
        stacking[0] = options.subsampling
    elif options.subsampling_by == "pyramid":
        for layer in range(1, options.subsampling.bit_length()):
            stacking[layer] = 2
    encoder = SpeechEncoder(
        options.cell_type,
        preprocessing.size,
        options.hidden_size,
        stacking=stacking,
        convolution=options.subsampling if options.subsampling_by == "convolution" else 0,
        bidirectional=options.bidirectional,
        merge=options.merge,
        lookahead=options.lookahead,
        dropout=options.dropout,
        recurrent_dropout=options.recurrent_dropout,
    )
    return Transcriber(encoder, len(preprocessing.labels), dropout=options.dropout)
