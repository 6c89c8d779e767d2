"""Options of translation: its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from ostinato.cells import CELLS
from ostinato.errors import InputError, option_name, option_off
from ostinato.options import OneOf, option
from ostinato.tasks.shared.cache_options import CacheOptions
from ostinato.tasks.shared.embedding_options import EmbeddingOptions
from ostinato.tasks.shared.joint_labels import JointOptions
from ostinato.tasks.shared.model_choice import ModelChoice
from ostinato.tasks.shared.recurrent_options import BidirectionalOptions
from ostinato.tasks.shared.search_options import SearchOptions
from ostinato.tasks.shared.text_scores import TextScoreOptions

CLOSED_FORM = ("dictionary",)


@dataclass(frozen=True)
class TranslationOptions(
    ModelChoice,
    JointOptions,
    SearchOptions,
    TextScoreOptions,
    EmbeddingOptions,
    CacheOptions,
    BidirectionalOptions,
):
    closed_form_models: ClassVar[tuple[str, ...]] = CLOSED_FORM
    answer: ClassVar[str] = "translation for each sentence"

    # the text
    unit: Literal["subword", "word", "character"] = option("subword", "what a token is")
    vocabulary_size: int = option(4000, "maximum size of a vocabulary, in tokens", minimum=10)
    source_vocabulary_size: int | None = option(None, "the same for the source alone", minimum=10)
    target_vocabulary_size: int | None = option(None, "the same for the target alone", minimum=10)
    minimum_count: int = option(1, "words seen less often become <unk>", minimum=1)
    joint_vocabulary: bool = option(False, "one vocabulary for source and target")
    tokenized: bool = option(False, "the text is tokenised already: words are separated by spaces")
    lowercase: bool = option(False, "lower-case everything")
    subword_sampling: float = option(
        0.0,
        "probability of skipping a subword merge while training (BPE-dropout)",
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
        None,
        "the column of the source (default: source, src)",
        when_predicting=True,
        or_number=True,
    )
    target_column: str | None = option(
        None,
        "the column of the target (default: target, tgt, trg)",
        when_predicting=True,
        or_number=True,
    )
    # the model
    model: Annotated[str, OneOf("recurrent", *CELLS, *CLOSED_FORM)] = option(
        "recurrent",
        "an encoder-decoder of recurrent networks (of --cell); dictionary: word for word, by a "
        "dictionary that is learned from the pairs",
    )
    hidden_size: int = option(
        512, "units of each layer, both directions of the encoder together", minimum=1
    )
    layers: int = option(1, "layers of the encoder and of the decoder", minimum=1, maximum=100)
    bidirectional: bool = option(True, "the encoder reads the source in both directions")
    reverse_source: bool = option(False, "the source is read from its end (Sutskever et al. 2014)")
    attention: Literal["none", "dot", "general", "additive"] = option(
        "general", "the score of the decoder's attention to the source"
    )
    input_feeding: bool = option(
        False, "the attention vector is an input of the next step: slightly better, much slower"
    )
    context: Literal["initial", "every"] = option(
        "initial",
        "initial: the source vector is the decoder's initial state; every: also an input of each "
        "step",
    )
    lexicon: bool | None = option(
        None,
        "add the scores of a statistical translation model, a hidden Markov model of word "
        "alignment, to those of the network (default: where a time limit is too short for the "
        "network alone)",
    )
    tied: bool = option(True, "the output layer shares the target embedding's weights")
    dropout: float = option(
        0.3, "on embeddings, between layers, and before the output", minimum=0, maximum=0.99
    )
    word_dropout: float = option(
        0.0,
        "probability of dropping a word's vector everywhere in a sentence",
        minimum=0,
        maximum=0.99,
    )
    initial_range: float | None = option(
        None, "weights are initialised uniformly between minus and plus this", above=0
    )
    embeddings: str | None = option(
        None,
        "pretrained source vectors (word2vec text or binary, GloVe); sets --embedding-size",
    )
    target_embeddings: str | None = option(None, "pretrained target vectors")
    sparse_embeddings: bool = option(
        False, "sparse gradients of the embeddings (with --optimizer sgd)"
    )
    label_smoothing: float = option(
        0.1,
        "probability mass spread over all tokens in the training targets",
        minimum=0,
        maximum=0.99,
    )
    teacher_forcing: float = option(
        1.0,
        "probability that a training step sees the true previous token, not the model's own",
        minimum=0,
        maximum=1,
    )
    output_precision: Literal["float32", "bfloat16"] = option(
        "float32",
        "number format of the output layer's matrix products while training; bfloat16 is faster on "
        "processors that support it",
    )
    dev_metric: Literal["bleu", "chrf", "perplexity"] | None = option(
        None,
        "the dev score that chooses the best weights, by greedy decoding (default: bleu; chrf "
        "where most references have fewer than four words)",
    )
    # decoding
    alone: bool = option(
        False,
        "translate with the network alone; by default a dictionary learned from the pairs "
        "translates word for word if that is better on the dev set, as after a short training",
        when_predicting=True,
    )
    maximum_length: int | None = option(
        None,
        "maximum tokens of a translation (default: 10 + twice the source's)",
        minimum=1,
        when_predicting=True,
    )
    align: bool = option(
        False,
        "with --json, add the source token that each target token attended to",
        when_predicting=True,
    )
    copy_unknown: bool = option(
        False, "replace <unk> by the source word attended to", when_predicting=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.closed_form:
            self.check_dictionary()
        if self.input_feeding and self.attention == "none":
            raise InputError(
                f"{option_name('input_feeding')} needs an {option_name('attention')} other than "
                "none"
            )
        if self.sparse_embeddings and self.tied:
            raise InputError(
                f"{option_name('sparse_embeddings')} needs {option_off('tied')}: a tied output "
                "layer has dense gradients"
            )
        if self.lexicon and self.teacher_forcing < 1:
            raise InputError(
                f"{option_name('lexicon')} needs {option_name('teacher_forcing')} 1: it reads the "
                "true previous tokens"
            )
        if self.lexicon and self.closed_form:
            raise InputError(
                f"{option_name('lexicon')} is a part of recurrent networks; leave it out with "
                f"{option_name('model')} {self.model}"
            )
        for asked, name in (
            (self.align, option_name("align")),
            (self.copy_unknown, option_name("copy_unknown")),
        ):
            if asked and self.attention == "none":
                raise InputError(
                    f"{name} needs attention; this model has none ({option_name('attention')} none)"
                )

    def check_dictionary(self) -> None:
        """InputError for what a dictionary cannot do."""
        if self.dev_metric == "perplexity":
            raise InputError(
                f"{option_name('dev_metric')} perplexity: a dictionary knows no probabilities; "
                "name bleu or chrf"
            )
        for asked, name in (
            (self.sampling, "sampling"),
            (self.n_best > 1, "n_best"),
            (self.align, "align"),
        ):
            if asked:
                raise InputError(
                    f"{option_name(name)}: a dictionary has one translation of each sentence; "
                    f"leave out {option_name(name)}, or train a recurrent network"
                )
