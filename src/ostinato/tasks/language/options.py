"""What language models can be asked for: their options, and so their flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ostinato.cells import CELLS
from ostinato.errors import InputError
from ostinato.options import option

COUNTED = ("kneser-ney", "unigram", "hmm")


@dataclass
class LanguageOptions:
    # the text
    unit: Literal["character", "word", "subword"] = option("character", "what a token is")
    vocabulary_size: int | None = option(
        None, "most tokens of the vocabulary (default: words 50,000, subwords 4,000)", minimum=10
    )
    minimum_count: int = option(1, "words and characters seen less often become <unk>", minimum=1)
    tokenized: bool | None = option(
        None, "words are what stands between spaces (default: seen from the text)"
    )
    lowercase: bool = option(False, "lower-case everything")
    chunk: int = option(
        64, "steps through which gradients flow back; the state is carried on", minimum=1
    )
    vary_chunk: bool = option(
        False, "chunks of varying length, --chunk on average (Merity et al. 2018)"
    )
    rotate: bool = option(True, "each epoch's streams begin at another place of the text")
    # the model
    model: Literal[("recurrent", *CELLS, *COUNTED)] = option(
        "recurrent", "a recurrent network (of --cell), or a baseline"
    )
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(512, "units of each layer", minimum=1)
    last_size: int | None = option(
        None, "units of the last layer (default: as the others)", minimum=1
    )
    embedding_size: int = option(64, "dimensions of a token's vector", minimum=1)
    layers: int = option(1, "recurrent layers", minimum=1)
    residual: bool = option(
        False, "each layer but the first adds to what it reads (Wu et al. 2016)"
    )
    pre_norm: bool = option(
        False,
        "layer norm before each layer but the first, and before the output (Xiong et al. 2020)",
    )
    tied: bool = option(False, "the output layer shares the embedding's weights")
    dropout: float = option(
        0.0, "on inputs, between layers, and on outputs", minimum=0, maximum=0.99
    )
    input_dropout: float | None = option(
        None, "on inputs alone (default: --dropout)", minimum=0, maximum=0.99
    )
    layer_dropout: float | None = option(
        None, "between layers alone (default: --dropout)", minimum=0, maximum=0.99
    )
    output_dropout: float | None = option(
        None, "on outputs alone (default: --dropout)", minimum=0, maximum=0.99
    )
    locked: bool = option(False, "dropout of the same units at each step of a chunk (variational)")
    word_dropout: float = option(
        0.0,
        "probability with which a token's vector is dropped everywhere in a chunk",
        minimum=0,
        maximum=0.99,
    )
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    weight_drop: float = option(
        0.0, "of recurrent weights (Merity et al. 2018)", minimum=0, maximum=0.99
    )
    zoneout: float = option(
        0.0,
        "how likely a unit of the state stays as it is (Krueger et al. 2017)",
        minimum=0,
        maximum=0.99,
    )
    state_reset: float = option(
        0.01,
        "probability with which a stream's state is zero again at a chunk's start, while training",
        minimum=0,
        maximum=1,
    )
    activation_pull: float = option(
        0.0, "of outputs towards zero: alpha of Merity et al. 2018", minimum=0
    )
    temporal_pull: float = option(
        0.0, "of outputs towards those of the step before: beta of Merity et al. 2018", minimum=0
    )
    output_precision: Literal["float32", "bfloat16"] = option(
        "float32",
        "of the output layer's products while training; bfloat16 is quicker where the processor has instructions for it",
    )
    initial_range: float | None = option(
        None, "weights start uniform in plus or minus this", above=0
    )
    baseline_order: int | None = option(
        None,
        "longest n-gram of the baseline (default: words and subwords 5, characters 8)",
        minimum=1,
        maximum=20,
    )
    states: int = option(32, "--model hmm: how many hidden states", minimum=1)
    iterations: int = option(20, "--model hmm: rounds of expectation maximisation", minimum=1)
    dev_metric: Literal["perplexity", "bits_per_character"] = option(
        "perplexity", "the dev score that chooses the best weights"
    )
    # predicting
    suggest: int = option(
        0,
        "predict: so many likeliest next words instead of a continuation; completes a half-typed one",
        minimum=0,
        when_predicting=True,
    )
    maximum_length: int = option(
        200, "predict: most tokens of a continuation", minimum=1, when_predicting=True
    )
    cache: int = option(
        0,
        "how many of the last tokens to remember: what followed where the state was most alike becomes likelier "
        "(Grave et al. 2017); 0: none",
        minimum=0,
        maximum=100_000,
        when_predicting=True,
    )
    cache_weight: float | None = option(
        None,
        "the part of --cache in a probability (default: characters 0.2, else 0.1)",
        minimum=0,
        maximum=0.99,
        when_predicting=True,
    )
    cache_sharpness: float | None = option(
        None,
        "what --cache multiplies the cosine of two states by (default: characters 15, else 10)",
        minimum=0,
        maximum=1000,
        when_predicting=True,
    )
    weights: Literal["float32", "bfloat16", "int8"] = option(
        "float32", "generate: smaller ones are read in less time", when_predicting=True
    )

    def __post_init__(self):
        super().__post_init__()  # ManyModels's
        if self.residual and self.layers > 1 and self.last_size not in (None, self.hidden_size):
            raise InputError("--residual needs layers of equal size; leave out --last-size")
