"""The networks that label clips or their frames."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ostinato.baselines.bag_of_words import ClassFrequencies
from ostinato.baselines.feedforward import Feedforward, Framewise
from ostinato.layers.convolutional_networks import FlatFrames, FrameNetwork
from ostinato.models.classifier import Classifier, FrameClassifier, RecurrentBody
from ostinato.models.ensemble import ClassifierEnsemble
from ostinato.models.heads import SoftmaxHead
from ostinato.tasks.shared.closed_form_network import put_parameters
from ostinato.tasks.video.options import VideoOptions
from ostinato.tasks.video.preprocessing import VideoPreprocessing

Body = RecurrentBody | Feedforward | Framewise


def build_network(options: VideoOptions, preprocessing: VideoPreprocessing) -> nn.Module:
    """Builds a network with initial weights, or an ensemble of `members` of them."""
    if options.closed_form:
        return ClassFrequencies(len(preprocessing.labels))
    members = options.members or 1
    if members > 1:
        return ClassifierEnsemble([build_member(options, preprocessing) for _ in range(members)])
    return build_member(options, preprocessing)


def build_member(options: VideoOptions, preprocessing: VideoPreprocessing) -> Classifier:
    """Builds one classifier: a convolutional network for pixels, a body, and the output layer."""
    shape, per_frame = preprocessing.shape, preprocessing.per_frame
    embedding: nn.Module | None = None
    size = int(np.prod(shape))
    if preprocessing.has_pixels and options.model == "recurrent":
        channels = options.channels
        widths = [max(1, channels // 4), max(1, channels // 2), channels]
        embedding = FrameNetwork(
            shape[0], options.embedding_size, (shape[1], shape[2]), widths=widths
        )
        size = options.embedding_size
    elif preprocessing.has_pixels:
        embedding = FlatFrames()
    body = build_body(options, size, per_frame=per_frame)
    head = SoftmaxHead(
        body.output_size,
        len(preprocessing.labels),
        weights=torch.tensor(preprocessing.class_weights),
        label_smoothing=options.label_smoothing,
    )
    kind = FrameClassifier if per_frame else Classifier
    return kind(embedding, body, head, dropout=options.dropout, input_dropout=options.input_dropout)


def build_body(options: VideoOptions, size: int, *, per_frame: bool) -> Body:
    """Builds the network from frames [B, T, size] to one vector per clip, or per frame."""
    if options.model == "feedforward":
        if per_frame:
            return Framewise(size, options.hidden_size)
        return Feedforward(size, options.hidden_size, length=int(options.fixed_length or 1))
    return RecurrentBody(
        options.cell_type,
        size,
        options.hidden_size,
        layers=options.layers,
        bidirectional=options.bidirectional,
        merge=options.merge,
        pooling="ensemble" if per_frame else options.pooling,
        dropout=options.dropout,
        recurrent_dropout=options.recurrent_dropout,
    )


def initialise(
    network: nn.Module, options: VideoOptions, preprocessing: VideoPreprocessing
) -> None:
    """Sets the label frequencies of the closed-form model."""
    if options.closed_form and preprocessing.shares is not None:
        put_parameters(network, preprocessing.shares)
