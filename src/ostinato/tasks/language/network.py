"""Builds the recurrent language model, or a model that is fitted in closed form."""

from __future__ import annotations

from typing import cast

from torch import nn

from ostinato.layers.embedding import Embedding
from ostinato.layers.uniform_initialisation import initialise_uniform
from ostinato.models.continuous_cache import ContinuousCache, add_cache
from ostinato.models.ensemble import LanguageEnsemble
from ostinato.models.language_model import DropoutRates, LanguageModel
from ostinato.tasks.language.hidden_markov_network import HiddenMarkovNetwork
from ostinato.tasks.language.options import LanguageOptions
from ostinato.tasks.language.preprocessing import IMPOSSIBLE, LanguagePreprocessing
from ostinato.tasks.shared.ngram_network import NGramNetwork, allocate_tensors

LanguageNetwork = (
    LanguageModel | ContinuousCache | LanguageEnsemble | NGramNetwork | HiddenMarkovNetwork
)


def build_network(
    options: LanguageOptions, preprocessing: LanguagePreprocessing
) -> LanguageModel | NGramNetwork | HiddenMarkovNetwork:
    """A new language model; the tensors of a closed-form one are zero until they are loaded."""
    size = len(preprocessing.tokenizer)
    if preprocessing.counted is not None:
        tensors = allocate_tensors(preprocessing.counted)
        if options.model == "hmm":
            return HiddenMarkovNetwork(tensors)
        return NGramNetwork(
            tensors, size=size, impossible=IMPOSSIBLE, line_end=preprocessing.ngram_line_end
        )
    last_size = options.last_size or options.hidden_size
    embedding = Embedding(size, options.embedding_size, word_dropout=options.word_dropout)
    embedding.weight.requires_grad_(not options.freeze_embeddings)
    return LanguageModel(
        embedding,
        options.cell_type,
        [options.hidden_size] * (options.layers - 1) + [last_size],
        layers=options.layers,
        residual=options.residual,
        pre_norm=options.pre_norm,
        tied=options.tied,
        rates=dropout_rates(options),
        activation=options.activation_pull,
        temporal=options.temporal_pull,
        recurrent_dropout=options.recurrent_dropout,
        weight_drop=options.weight_drop,
        zoneout=options.zoneout,
        state_reset=options.state_reset,
        output_precision=options.output_precision,
    )


def dropout_rates(options: LanguageOptions) -> DropoutRates:
    """The dropout rates of the inputs, layers and outputs; --dropout where none is given."""

    def rate(own: float | None) -> float:
        return options.dropout if own is None else own

    return DropoutRates(
        inputs=rate(options.input_dropout),
        layers=rate(options.layer_dropout),
        outputs=rate(options.output_dropout),
        locked=options.locked,
    )


def initialise(
    network: nn.Module, options: LanguageOptions, preprocessing: LanguagePreprocessing
) -> None:
    """Sets a closed-form model's fitted tensors, or the initial weights of a recurrent network.

    A recurrent network gets uniform weights with --initial-range, and pretrained embeddings."""
    if preprocessing.fitted is not None:
        # assigned, not copied: the n-grams of a large text take gigabytes
        network.load_state_dict(dict(preprocessing.fitted), assign=True)
        return
    if options.initial_range is not None:
        initialise_uniform(network, options.initial_range)
    if preprocessing.vectors is not None and isinstance(network, LanguageModel):
        network.embedding.load_pretrained(
            preprocessing.vectors.rows,
            preprocessing.vectors.vectors,
            frozen=options.freeze_embeddings,
        )


def with_cache(options: LanguageOptions, network: nn.Module) -> LanguageNetwork:
    """The network with the continuous cache of --cache; the same network without that option."""
    if options.cache:
        network = add_cache(network, **options.cache_settings._asdict())
    return cast(LanguageNetwork, network)  # a task is given its network as an nn.Module
