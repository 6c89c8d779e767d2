"""Builds the recurrent tagger, or a closed-form tagger."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from ostinato.data.text.tag_schemes import allowed_transitions
from ostinato.errors import InputError, option_name
from ostinato.layers.character_encoder import MOST_BUCKETS, Affixes, CharacterEncoder
from ostinato.layers.embedding import Embedding
from ostinato.models.tagger import Tagger, TaggerEnsemble
from ostinato.models.word_windows import FixedLengthNetwork, WindowNetwork
from ostinato.tasks.tagging.closed_form_tagger import ClosedFormTagger
from ostinato.tasks.tagging.options import TaggingOptions
from ostinato.tasks.tagging.preprocessing import TaggingPreprocessing


def build_network(
    options: TaggingOptions, preprocessing: TaggingPreprocessing
) -> Tagger | ClosedFormTagger:
    """Builds a tagger with initial weights."""
    if preprocessing.counted is not None:
        return ClosedFormTagger(options.model, preprocessing.counted, preprocessing.tags)
    words = Embedding(
        len(preprocessing.words),
        options.embedding_size,
        word_dropout=options.word_dropout,
        lazy=True,
    )
    character_encoder = build_character_encoder(options, preprocessing)
    features = [Embedding(len(each), options.feature_size) for each in preprocessing.features]
    return Tagger(
        words,
        character_encoder,
        options.cell_type,
        options.hidden_size,
        len(preprocessing.tags),
        layers=options.layers,
        bidirectional=options.bidirectional,
        merge=options.merge,
        crf=options.crf,
        legal=allowed_transitions(preprocessing.tags.tokens, preprocessing.span_scheme),
        dropout=options.dropout,
        recurrent_dropout=options.recurrent_dropout,
        locked=options.locked_dropout,
        features=features,
        context=choose_context(options),
        contextual=preprocessing.contextual.build(tuned=options.tune_embeddings),
    )


def choose_context(options: TaggingOptions) -> Callable[[int], nn.Module] | None:
    """A constructor of the network that replaces the recurrent one, given the size of a word's
    vector; None for the recurrent network.
    """
    if options.model == "feedforward":
        return lambda size: FixedLengthNetwork(size, options.hidden_size, options.fixed_length)
    if options.model == "convolution":
        return lambda size: WindowNetwork(
            size, options.hidden_size, layers=options.layers, dropout=options.dropout
        )
    return None


def build_character_encoder(
    options: TaggingOptions, preprocessing: TaggingPreprocessing
) -> CharacterEncoder | None:
    """Builds the encoder of each word's characters; None if the option `characters` is "none"."""
    if options.characters == "none":
        return None
    affixes = None
    if options.affix_size:
        affixes = Affixes(
            options.affix_size,
            folded=preprocessing.letters.fold_case(),
            buckets=options.affix_buckets or MOST_BUCKETS,  # not in runs of older versions
        )
    return CharacterEncoder(
        options.characters,
        len(preprocessing.letters),
        options.character_size,
        cell=options.cell_type,
        dropout=options.character_dropout,
        affixes=affixes,
    )


def initialise(
    network: nn.Module, options: TaggingOptions, preprocessing: TaggingPreprocessing
) -> None:
    """Sets the rates at which words become <unk> in training, and pretrained embeddings."""
    if not isinstance(network, Tagger):
        return
    seen = preprocessing.word_counts
    counts = torch.tensor(  # [V]
        [seen.get(word, 0) for word in preprocessing.words.tokens], dtype=torch.float32
    )
    rates = torch.where(counts > 0, options.unknown / (options.unknown + counts), 0)
    network.unknown_rate.copy_(rates)
    if network.contextual is not None:
        preprocessing.contextual.initialise(network.contextual)
    if preprocessing.vectors is not None and network.words is not None:
        network.words.load_pretrained(
            preprocessing.vectors.rows,
            preprocessing.vectors.vectors,
            frozen=options.freeze_embeddings,
        )


def combine(networks: Sequence[Tagger | ClosedFormTagger]) -> TaggerEnsemble:
    """Makes an ensemble of several taggers; InputError for closed-form models."""
    taggers = []
    for network in networks:
        if isinstance(network, ClosedFormTagger):
            raise InputError(
                f"models of {option_name('model')} {network.model} do not decode together; "
                "name a single run"
            )
        taggers.append(network)
    return TaggerEnsemble(taggers)


def require_tagger(network: nn.Module) -> Tagger | TaggerEnsemble:
    """Narrows the type of a network that this task has built."""
    if not isinstance(network, Tagger | TaggerEnsemble):
        raise TypeError(f"a {type(network).__name__} is not a tagger")
    return network
