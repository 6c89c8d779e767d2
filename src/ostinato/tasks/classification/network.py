"""The classification networks: recurrent, convolutional and feed-forward, and the closed-form
baselines.
"""

from __future__ import annotations

import torch
from torch import nn

from ostinato.baselines.bag_of_words import ClassFrequencies, LinearClassifier
from ostinato.baselines.convolution import Convolution, ImageConvolution
from ostinato.baselines.feedforward import Feedforward
from ostinato.baselines.random_convolutions import RandomConvolutions
from ostinato.baselines.warped_neighbours import WarpedNeighbours
from ostinato.layers.character_encoder import MOST_BUCKETS, Affixes, CharacterEncoder
from ostinato.layers.embedding import Embedding
from ostinato.models.classifier import Classifier, RecurrentBody
from ostinato.models.contextual_embedding import ContextualEmbedding
from ostinato.models.ensemble import ClassifierEnsemble
from ostinato.models.heads import OrdinalHead, SigmoidHead, SoftmaxHead
from ostinato.tasks.classification.encoders import BagEncoder, TextEncoder
from ostinato.tasks.classification.image_encoder import ImageEncoder
from ostinato.tasks.classification.options import BAGS, ClassificationOptions
from ostinato.tasks.classification.preprocessing import ClassificationPreprocessing
from ostinato.tasks.shared.closed_form_network import put_parameters

# a few words are enough to classify a text, but characters only make sense together
WORD_DROPOUT = {"word": 0.5, "subword": 0.2, "character": 0.0}
CHARACTER_DROPOUT = 0.1
SERIES_DROPOUT = 0.2  # input dropout for series


Body = RecurrentBody | Convolution | ImageConvolution | Feedforward


def build_network(
    options: ClassificationOptions, preprocessing: ClassificationPreprocessing
) -> nn.Module:
    """Builds a network with initial weights, or an ensemble of `members` of them."""
    labels = len(preprocessing.labels)
    if options.model == "most-frequent":
        return ClassFrequencies(labels)
    if options.model == "nearest-neighbour":
        return WarpedNeighbours(preprocessing.shapes, labels)
    if options.model == "random-convolutions":
        return RandomConvolutions(preprocessing.shapes)
    if options.model in BAGS:
        encoder = preprocessing.encoder
        if not isinstance(encoder, BagEncoder):
            raise TypeError(f"{options.model} needs bags of n-grams")
        return LinearClassifier(len(encoder), labels, many=options.several_labels)
    members = options.members or 1
    contextual = None  # of all members
    if isinstance(preprocessing.encoder, TextEncoder):
        contextual = preprocessing.encoder.contextual.build(tuned=options.tune_embeddings)
    if members > 1:
        return ClassifierEnsemble(
            [build_member(options, preprocessing, contextual) for _ in range(members)]
        )
    return build_member(options, preprocessing, contextual)


def build_member(
    options: ClassificationOptions,
    preprocessing: ClassificationPreprocessing,
    contextual: ContextualEmbedding | None,
) -> Classifier:
    """Builds one classifier: embedding (and character encoder) for texts, body, head."""
    embedding = character_encoder = None
    encoder = preprocessing.encoder
    if isinstance(encoder, TextEncoder):
        word_dropout = options.word_dropout
        embedding = Embedding(
            len(encoder.units),
            options.embedding_size,
            word_dropout=WORD_DROPOUT[options.unit] if word_dropout is None else word_dropout,
        )
        frozen = bool(options.embeddings) and options.freeze_embeddings
        embedding.weight.requires_grad_(not frozen)
        character_encoder = build_character_encoder(options, encoder)
        characters = 0 if character_encoder is None else character_encoder.output_size
        states = 0 if contextual is None else contextual.output_size
        size, input_dropout = options.embedding_size + characters + states, options.dropout
    else:
        size, input_dropout = preprocessing.dimensions, SERIES_DROPOUT
    if options.input_dropout is not None:
        input_dropout = options.input_dropout
    body = build_body(options, size, encoder.shape if isinstance(encoder, ImageEncoder) else None)
    return Classifier(
        embedding,
        body,
        build_head(options, preprocessing, body.output_size),
        dropout=options.dropout,
        input_dropout=input_dropout,
        character_encoder=character_encoder,
        contextual=contextual,
    )


def build_character_encoder(
    options: ClassificationOptions, encoder: TextEncoder
) -> CharacterEncoder | None:
    """Builds the encoder of each word's characters; None if the network has none."""
    if encoder.letters is None:
        return None
    affixes = None
    if options.affix_size:
        affixes = Affixes(
            options.affix_size,
            folded=encoder.letters.fold_case(),
            buckets=options.affix_buckets or MOST_BUCKETS,  # not in runs of older versions
        )
    return CharacterEncoder(
        options.characters,
        len(encoder.letters),
        options.character_size,
        cell=options.cell_type,
        dropout=CHARACTER_DROPOUT,
        affixes=affixes,
    )


def build_body(
    options: ClassificationOptions, size: int, image: tuple[int, int, int] | None = None
) -> Body:
    """Builds the network from inputs [B, T, size] to one vector per example [B, output_size].

    Args:
        options: The task's options.
        size: Size of the input of a step.
        image: The shape (H, W, C) of images whose rows are the steps.
    """
    if options.model == "convolution" and image is not None:
        filters = max(1, options.filters // 4)  # 25 and 50 by default
        return ImageConvolution(image, filters=filters, hidden_size=options.hidden_size)
    if options.model == "convolution":
        return Convolution(size, filters=options.filters)
    if options.model == "feedforward":
        return Feedforward(size, options.hidden_size, length=int(options.fixed_length or 1))
    return RecurrentBody(
        options.cell_type,
        size,
        options.hidden_size,
        layers=options.layers,
        bidirectional=options.bidirectional,
        merge=options.merge,
        pooling=options.pooling,
        dropout=options.dropout,
        recurrent_dropout=options.recurrent_dropout,
    )


def build_head(
    options: ClassificationOptions, preprocessing: ClassificationPreprocessing, size: int
) -> SoftmaxHead | SigmoidHead | OrdinalHead:
    """Builds the output layer: for one class, several labels, or a grade."""
    weights, labels = torch.tensor(preprocessing.class_weights), len(preprocessing.labels)
    if options.several_labels:
        return SigmoidHead(size, labels, weights=weights)
    if options.ordinal:
        return OrdinalHead(size, labels, weights=weights)
    return SoftmaxHead(size, labels, weights=weights, label_smoothing=options.label_smoothing)


def initialise(
    network: nn.Module,
    options: ClassificationOptions,
    preprocessing: ClassificationPreprocessing,
) -> None:
    """Sets the parameters of a closed-form model, or pretrained embeddings."""
    encoder = preprocessing.encoder
    if options.closed_form:
        put_parameters(network, *preprocessing.coefficients)
    elif isinstance(encoder, TextEncoder):
        members = network.members if isinstance(network, ClassifierEnsemble) else [network]
        for member in members:
            if not isinstance(member, Classifier):
                continue
            if member.contextual is not None:
                encoder.contextual.initialise(member.contextual)
            if encoder.vectors is not None and isinstance(member.embedding, Embedding):
                member.embedding.load_pretrained(
                    encoder.vectors.rows, encoder.vectors.vectors, frozen=options.freeze_embeddings
                )
