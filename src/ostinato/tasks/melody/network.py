"""Builds the recurrent music model, or a counting model."""

from __future__ import annotations

from torch import nn

from ostinato.data.music.tunes import EVENTS, PITCHES
from ostinato.models.music import Head, Music
from ostinato.models.music_heads import EventHead, IndependentPitchHead, NoteSequenceHead
from ostinato.tasks.melody.markov_network import build_markov_network
from ostinato.tasks.melody.options import MelodyOptions
from ostinato.tasks.melody.preprocessing import MelodyPreprocessing


def build_network(options: MelodyOptions, preprocessing: MelodyPreprocessing) -> nn.Module:
    """Builds a network with initial weights, or the counting model that was fitted."""
    if preprocessing.model_tensors is not None:
        tensors = {name: each.clone() for name, each in preprocessing.model_tensors.items()}
        return build_markov_network(tensors, chords=preprocessing.chords)
    head = build_head(options, chords=preprocessing.chords)
    return Music(
        preprocessing.features.size,
        options.embedding_size,
        options.cell_type,
        options.hidden_size,
        head,
        layers=options.layers,
        dropout=options.dropout,
        input_dropout=options.input_dropout,
        recurrent_dropout=options.recurrent_dropout,
    )


def build_head(options: MelodyOptions, *, chords: bool) -> Head:
    """Builds the output layer, which gives the distribution of a step."""
    if not chords:
        return EventHead(options.hidden_size, EVENTS)
    if options.head == "independent":
        return IndependentPitchHead(options.hidden_size, PITCHES)
    return NoteSequenceHead(
        options.hidden_size, PITCHES, downwards=options.downwards, dropout=options.head_dropout
    )
