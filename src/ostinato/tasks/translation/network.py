"""The encoder-decoder that translates."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ostinato.data.text.tokenizers import Tokenizer
from ostinato.data.text.vocabulary import BOS, EOS
from ostinato.errors import InputError
from ostinato.layers.embedding import Embedding
from ostinato.layers.uniform_initialisation import initialise_uniform
from ostinato.models.decoder import Decoder
from ostinato.models.encoder import Encoder
from ostinato.models.encoder_decoder import EncoderDecoder
from ostinato.models.ensemble import EncoderDecoderEnsemble
from ostinato.models.lexical_encoder_decoder import LexicalEncoderDecoder
from ostinato.tasks.translation.fit_lexicon import build_lexicon
from ostinato.tasks.translation.options import TranslationOptions
from ostinato.tasks.translation.preprocessing import TranslationPreprocessing
from ostinato.tasks.translation.word_translator import WordTranslator


def build_network(
    options: TranslationOptions, preprocessing: TranslationPreprocessing
) -> EncoderDecoder | WordTranslator:
    """A fresh encoder-decoder for the vocabularies, or the dictionary that was learned."""
    if preprocessing.translator is not None:
        return preprocessing.translator
    cell = options.cell_type
    source = build_embedding(options, preprocessing.source)
    shared = options.joint_vocabulary and options.tied
    target = source if shared else build_embedding(options, preprocessing.target)
    encoder = Encoder(
        source,
        cell,
        options.hidden_size,
        layers=options.layers,
        bidirectional=options.bidirectional,
        merge=options.merge,
        dropout=options.dropout,
    )
    decoder = Decoder(
        target,
        cell,
        options.hidden_size,
        memory_size=options.hidden_size,
        layers=options.layers,
        attention=options.attention,
        context=options.context,
        input_feeding=options.input_feeding,
        tied=options.tied,
        dropout=options.dropout,
    )
    if options.lexicon:
        return LexicalEncoderDecoder(
            encoder,
            decoder,
            build_lexicon(preprocessing.source, preprocessing.target),
            bos=BOS,
            eos=EOS,
            label_smoothing=options.label_smoothing,
        )
    return EncoderDecoder(
        encoder,
        decoder,
        bos=BOS,
        eos=EOS,
        label_smoothing=options.label_smoothing,
        teacher_forcing=options.teacher_forcing,
        output_precision=options.output_precision,
    )


def build_embedding(options: TranslationOptions, units: Tokenizer) -> Embedding:
    return Embedding(
        len(units),
        options.embedding_size,
        word_dropout=options.word_dropout,
        sparse=options.sparse_embeddings,
    )


def initialise(
    network: nn.Module, options: TranslationOptions, preprocessing: TranslationPreprocessing
) -> None:
    """Uniform weights, and pretrained vectors, where these were asked for; the fitted lexicon."""
    if not isinstance(network, EncoderDecoder):
        return
    if isinstance(network, LexicalEncoderDecoder) and preprocessing.lexicon is not None:
        network.lexicon.load_state_dict(dict(preprocessing.lexicon))
    if options.initial_range is not None:
        initialise_uniform(network, options.initial_range)
        for part in (network.encoder, network.decoder):
            part.embedding.clear_padding()
    for part, vectors in (
        (network.encoder, preprocessing.source_vectors),
        (network.decoder, preprocessing.target_vectors),
    ):
        if vectors is not None:
            part.embedding.load_pretrained(
                vectors.rows, vectors.vectors, frozen=options.freeze_embeddings
            )


def combine(networks: Sequence[EncoderDecoder | WordTranslator]) -> EncoderDecoderEnsemble:
    """Several encoder-decoders as one; InputError for dictionaries."""
    recurrent = [network for network in networks if isinstance(network, EncoderDecoder)]
    if len(recurrent) < len(networks):
        raise InputError("dictionaries do not decode together; name a single run")
    return EncoderDecoderEnsemble(recurrent)
