"""The networks that label DNA sequences or bases: recurrent, convolutional, and the baselines."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.baselines.bag_of_words import ClassFrequencies, LinearClassifier
from ostinato.baselines.convolution import Convolution
from ostinato.baselines.feedforward import Feedforward
from ostinato.baselines.segmenters import DilatedConvolution, HmmSegmenter, LabelFrequencies
from ostinato.data.dna import nucleotides
from ostinato.layers.motifs import Motifs, OneHot, WithMotifs
from ostinato.layers.recurrent import Recurrent, bidirectional_hidden_size
from ostinato.models.classifier import Classifier, RecurrentBody
from ostinato.models.ensemble import ClassifierEnsemble, SegmenterEnsemble
from ostinato.models.heads import SoftmaxHead
from ostinato.models.segmenter import Segmenter
from ostinato.tasks.genome.options import GenomeOptions
from ostinato.tasks.genome.preprocessing import GenomePreprocessing

FILTER_WIDTHS = (5, 9, 15)  # of the convolutional baseline, in bases: typical widths of motifs
SEGMENTERS = (Segmenter, HmmSegmenter, LabelFrequencies)  # the networks that label bases


def build_network(options: GenomeOptions, preprocessing: GenomePreprocessing) -> nn.Module:
    """Builds a network with initial weights."""
    labels = len(preprocessing.labels)
    if preprocessing.features is not None:
        return LinearClassifier(len(preprocessing.features.bag), labels)
    if options.model == "hmm":
        table = torch.from_numpy(nucleotides.letter_table(options.masked))
        return HmmSegmenter(labels, table=table, order=options.kmer or 5)
    if options.model == "most-frequent":
        return LabelFrequencies(labels) if preprocessing.per_base else ClassFrequencies(labels)
    weights = torch.tensor(preprocessing.class_weights)
    build = build_segmenter if preprocessing.per_base else build_classifier
    return build(options, nucleotides.one_hot_table(options.masked), weights)


def build_segmenter(options: GenomeOptions, one_hot: np.ndarray, weights: Tensor) -> Segmenter:
    """Builds a network that labels bases.

    Args:
        options: The task's options.
        one_hot: The input vector of each base id [32, D].
        weights: The weight of each label in the loss [K].
    """
    embedding, size = OneHot(torch.from_numpy(one_hot)), one_hot.shape[1]
    motifs: Motifs | None = None
    if options.model == "convolution":
        body: nn.Module = DilatedConvolution(size, options.filters)
    else:
        if options.motifs:
            causal = not options.bidirectional  # because the state is carried between windows
            motifs = Motifs(size, options.motifs, options.motif_width, causal=causal)
        body = Recurrent(
            options.cell_type,
            motifs.output_size if motifs else size,
            bidirectional_hidden_size(
                options.hidden_size, bidirectional=options.bidirectional, merge=options.merge
            ),
            layers=options.layers,
            bidirectional=options.bidirectional,
            merge=options.merge,
            dropout=options.dropout,
            recurrent_dropout=options.recurrent_dropout,
        )
    return Segmenter(
        embedding, motifs, body, len(weights), dropout=options.dropout, weights=weights
    )


def build_classifier(options: GenomeOptions, one_hot: np.ndarray, weights: Tensor) -> Classifier:
    """Builds a network that labels whole sequences; for the arguments see `build_segmenter`."""
    body = build_body(options, one_hot.shape[1])
    head = SoftmaxHead(body.output_size, len(weights), weights=weights)
    embedding = OneHot(torch.from_numpy(one_hot))
    return Classifier(embedding, body, head, dropout=options.dropout, input_dropout=0.0)


def build_body(options: GenomeOptions, size: int) -> Any:
    """Builds the network from inputs [B, T, size] to one vector per sequence [B, output_size]."""
    # pooling and fixed_length are never None here: they are decided by fit
    if options.model == "convolution":
        return Convolution(size, filters=options.filters, widths=FILTER_WIDTHS)
    if options.model == "feedforward":
        return Feedforward(size, options.hidden_size, length=cast(int, options.fixed_length))
    motifs = None
    if options.motifs:
        motifs = Motifs(size, options.motifs, options.motif_width, pool=options.motif_pool)
    body = RecurrentBody(
        options.cell_type,
        motifs.output_size if motifs else size,
        options.hidden_size,
        layers=options.layers,
        bidirectional=options.bidirectional,
        merge=options.merge,
        pooling=cast(str, options.pooling),
        dropout=options.dropout,
        recurrent_dropout=options.recurrent_dropout,
    )
    return body if motifs is None else WithMotifs(motifs, body)


def initialise(network: Any, options: GenomeOptions, preprocessing: GenomePreprocessing) -> None:
    """Sets the parameters of a closed-form model."""
    if options.closed_form:
        network.put(*preprocessing.coefficients)


def combine(networks: list[nn.Module]) -> nn.Module:
    """Makes an ensemble of several networks."""
    if isinstance(networks[0], SEGMENTERS):
        return SegmenterEnsemble(networks)
    return ClassifierEnsemble(networks)
