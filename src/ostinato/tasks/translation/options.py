"""What translation can be asked for: its options, and so its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ostinato.cells import CELLS
from ostinato.data.text.pretrained import check_frozen
from ostinato.errors import InputError
from ostinato.options import option


@dataclass
class TranslationOptions:
    # the text
    unit: Literal["subword", "word", "character"] = option("subword", "what a token is")
    vocabulary_size: int = option(4000, "most tokens a vocabulary may have", minimum=10)
    source_vocabulary_size: int | None = option(None, "the same for the source alone", minimum=10)
    target_vocabulary_size: int | None = option(None, "the same for the target alone", minimum=10)
    minimum_count: int = option(1, "words seen less often become <unk>", minimum=1)
    joint_vocabulary: bool = option(False, "one vocabulary for source and target")
    tokenized: bool = option(
        False, "the text is tokenised already: words are what stands between spaces"
    )
    lowercase: bool = option(False, "lower-case everything")
    subword_sampling: float = option(
        0.0,
        "probability with which a subword merge is skipped while training (BPE-dropout)",
        minimum=0,
        maximum=0.99,
    )
    maximum_tokens: int = option(
        120, "longer sentences are left out of training and cut when predicting", minimum=1
    )
    long_lines: Literal["cut", "refuse"] = option(
        "cut", "lines of more than 20,000 characters", when_predicting=True
    )
    source_column: str | None = option(
        None, "the column of the source (default: source, src)", when_predicting=True
    )
    target_column: str | None = option(
        None, "the column of the target (default: target, tgt, trg)", when_predicting=True
    )
    # the model
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(
        512, "units of each layer, both directions of the encoder together", minimum=1
    )
    embedding_size: int = option(256, "dimensions of a token's vector", minimum=1)
    layers: int = option(1, "layers of the encoder and of the decoder", minimum=1)
    bidirectional: bool = option(True, "the encoder reads both ways")
    reverse_source: bool = option(False, "the source is read from its end (Sutskever et al. 2014)")
    attention: Literal["none", "dot", "general", "additive"] = option(
        "general", "how the decoder looks at the source"
    )
    input_feeding: bool = option(
        False,
        "attention's result is an input of the next step: a little better, several times slower",
    )
    context: Literal["initial", "every"] = option(
        "initial", "the source's vector as first state only, or as input of every step, too"
    )
    tied: bool = option(True, "the output layer shares the target embedding's weights")
    dropout: float = option(
        0.3, "on embeddings, between layers, and before the output", minimum=0, maximum=0.99
    )
    word_dropout: float = option(
        0.0,
        "probability with which a word's vector is dropped everywhere in a sentence",
        minimum=0,
        maximum=0.99,
    )
    initial_range: float | None = option(
        None, "weights start uniform in plus or minus this", above=0
    )
    embeddings: str | None = option(
        None, "pretrained source vectors (word2vec text or binary, GloVe); sets --embedding-size"
    )
    target_embeddings: str | None = option(None, "pretrained target vectors")
    freeze_embeddings: bool = option(False, "do not train the pretrained vectors further")
    sparse_embeddings: bool = option(
        False, "gradients of the embeddings only where words occurred (with --optimizer sgd)"
    )
    label_smoothing: float = option(
        0.1, "share of probability spread over all tokens while training", minimum=0, maximum=0.99
    )
    teacher_forcing: float = option(
        1.0,
        "probability that a training step sees the true previous token rather than the model's own",
        minimum=0,
        maximum=1,
    )
    output_precision: Literal["float32", "bfloat16"] = option(
        "float32",
        "of the output layer's products while training; bfloat16 is quicker where the processor has instructions for it",
    )
    dev_metric: Literal["bleu", "chrf", "perplexity"] = option(
        "bleu", "the dev score that chooses the best weights (greedy decoding)"
    )

    def __post_init__(self):
        if self.bidirectional and self.hidden_size % 2:
            raise InputError(
                f"--hidden-size must be even with --bidirectional; got {self.hidden_size}"
            )
        check_frozen(self.freeze_embeddings, self.embeddings)
        if self.input_feeding and self.attention == "none":
            raise InputError("--input-feeding needs an --attention other than none")
        if self.sparse_embeddings and self.tied:
            raise InputError(
                "--sparse-embeddings needs --no-tied: a tied output layer has dense gradients"
            )
