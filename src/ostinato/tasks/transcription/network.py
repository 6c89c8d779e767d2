"""Builds the transcription network: an encoder with CTC, an attention decoder or a transducer."""

from __future__ import annotations

from torch import nn

from ostinato.layers.embedding import Embedding
from ostinato.models.attention_transcriber import (
    AttentionHead,
    AttentionTranscriber,
    JointTranscriber,
)
from ostinato.models.encoder_decoder import Decoder
from ostinato.models.speech_encoder import SpeechEncoder
from ostinato.models.transcriber import Transcriber
from ostinato.models.transducer import TransducerTranscriber
from ostinato.models.transducer_head import TransducerHead
from ostinato.tasks.transcription.options import TranscriptionOptions
from ostinato.tasks.transcription.preprocessing import TranscriptionPreprocessing

MOST_EMBEDDING = 128  # maximum label embedding size of an attention decoder or a transducer


def build_network(
    options: TranscriptionOptions, preprocessing: TranscriptionPreprocessing
) -> nn.Module:
    """Builds a network with initial weights."""
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
    labels = len(preprocessing.labels)
    if options.decoder == "ctc":
        return Transcriber(encoder, labels, dropout=options.dropout)
    if options.decoder == "transducer":
        return build_transducer(options, encoder, labels)
    size = encoder.output_size
    decoder = Decoder(
        Embedding(labels, min(size, MOST_EMBEDDING)),
        options.cell_type,
        size,
        memory_size=size,
        attention=options.attention,
        tied=False,
        dropout=options.dropout,
    )
    head = AttentionHead(decoder, label_smoothing=options.label_smoothing)
    if options.decoder == "attention":
        return AttentionTranscriber(encoder, head)
    return JointTranscriber(
        encoder, labels, head, ctc_weight=options.ctc_weight, dropout=options.dropout
    )


def build_transducer(
    options: TranscriptionOptions, encoder: SpeechEncoder, labels: int
) -> TransducerTranscriber:
    size = encoder.output_size
    head = TransducerHead(
        options.cell_type,
        size,
        labels,
        memory_size=size,
        embedding_size=min(size, MOST_EMBEDDING),
        dropout=options.dropout,
    )
    return TransducerTranscriber(
        encoder, labels, head, ctc_weight=options.ctc_weight, dropout=options.dropout
    )
