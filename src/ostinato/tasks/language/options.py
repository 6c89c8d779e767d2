"""Options of language models: their flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

from ostinato.cells import CELLS
from ostinato.data.text.pretrained import check_frozen
from ostinato.errors import InputError, option_name
from ostinato.options import OneOf, option
from ostinato.tasks.shared.joint_labels import JointOptions
from ostinato.tasks.shared.model_choice import ModelChoice
from ostinato.tasks.shared.recurrent_options import RecurrentOptions

CLOSED_FORM = ("kneser-ney", "unigram", "hmm")


class UnitDefaults(NamedTuple):
    """Defaults that depend on --unit.

    Attributes:
        vocabulary_size: Maximum number of tokens; None: no maximum.
        ngram_order: Length of the longest n-grams of the baseline.
        generated_length: Tokens of a generated sample.
        cache_weight, cache_sharpness: Parameters of the continuous cache.
    """

    vocabulary_size: int | None
    ngram_order: int
    generated_length: int
    cache_weight: float
    cache_sharpness: float


DEFAULTS_BY_UNIT = {
    "character": UnitDefaults(None, 8, 500, 0.2, 15.0),
    "word": UnitDefaults(50_000, 5, 100, 0.1, 10.0),
    "subword": UnitDefaults(4000, 5, 150, 0.1, 10.0),
}


class CacheSettings(NamedTuple):
    """Size in tokens, weight and sharpness of the continuous cache; see models.continuous_cache."""

    size: int
    weight: float
    sharpness: float


@dataclass(frozen=True)
class LanguageOptions(ModelChoice, JointOptions, RecurrentOptions):
    closed_form_models: ClassVar[tuple[str, ...]] = CLOSED_FORM

    # the text
    unit: Literal["character", "word", "subword"] = option("character", "what a token is")
    vocabulary_size: int | None = option(
        None,
        "maximum size of the vocabulary, in tokens (default: 50,000 words, 4,000 subwords)",
        minimum=10,
    )
    minimum_count: int = option(1, "words and characters seen less often become <unk>", minimum=1)
    tokenized: bool | None = option(
        None,
        "the text is tokenised already: words are separated by spaces (default: detected from "
        "the text)",
    )
    lowercase: bool = option(False, "lower-case everything")
    chunk: int = option(
        64,
        "steps of truncated backpropagation; the state is carried from chunk to chunk",
        minimum=1,
    )
    vary_chunk: bool = option(
        False, "chunks of random length, --chunk on average (Merity et al. 2018)"
    )
    direction: Literal["forward", "backward"] = option(
        "forward",
        "backward: each line is read from its end to its beginning, and the model predicts the "
        "token before; for --embeddings of a tagger or classifier (Akbik et al. 2018)",
    )
    rotate: bool = option(True, "the streams begin at other positions of the text in each epoch")
    # the model
    model: Annotated[str, OneOf("recurrent", *CELLS, *CLOSED_FORM)] = option(
        "recurrent", "a recurrent network (of --cell), or a baseline"
    )
    hidden_size: int = option(512, "units of each layer", minimum=1)
    last_size: int | None = option(
        None, "units of the last layer (default: as the others)", minimum=1
    )
    embedding_size: int = option(64, "dimensions of a token's embedding", minimum=1)
    embeddings: str | None = option(
        None, "pretrained vectors (word2vec text or binary, GloVe); sets --embedding-size"
    )
    freeze_embeddings: bool = option(False, "do not train the pretrained vectors further")
    residual: bool = option(
        False, "residual connections around all layers but the first (Wu et al. 2016)"
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
        None, "on inputs only (default: --dropout)", minimum=0, maximum=0.99
    )
    layer_dropout: float | None = option(
        None, "between layers only (default: --dropout)", minimum=0, maximum=0.99
    )
    output_dropout: float | None = option(
        None, "on outputs only (default: --dropout)", minimum=0, maximum=0.99
    )
    locked: bool = option(False, "variational dropout: the same mask for all steps of a chunk")
    word_dropout: float = option(
        0.0,
        "probability of dropping a token's vector everywhere in a chunk",
        minimum=0,
        maximum=0.99,
    )
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    weight_drop: float = option(
        0.0, "on the recurrent weights (Merity et al. 2018)", minimum=0, maximum=0.99
    )
    zoneout: float = option(
        0.0,
        "probability that a hidden unit keeps its previous value (Krueger et al. 2017)",
        minimum=0,
        maximum=0.99,
    )
    state_reset: float = option(
        0.01,
        "while training, probability of resetting a stream's state to zero before a chunk",
        minimum=0,
        maximum=1,
    )
    activation_pull: float = option(
        0.0, "activation regularisation: alpha of Merity et al. 2018", minimum=0
    )
    temporal_pull: float = option(
        0.0, "temporal activation regularisation: beta of Merity et al. 2018", minimum=0
    )
    output_precision: Literal["float32", "bfloat16"] = option(
        "float32",
        "number format of the output layer's matrix products while training; bfloat16 is faster on "
        "processors that support it",
    )
    initial_range: float | None = option(
        None, "weights are initialised uniformly between minus and plus this", above=0
    )
    baseline_order: int | None = option(
        None,
        "length of the baseline's longest n-grams (default: 5; characters 8)",
        minimum=1,
        maximum=20,
    )
    states: int = option(32, "--model hmm: number of hidden states", minimum=1, maximum=10000)
    iterations: int = option(20, "--model hmm: iterations of expectation maximisation", minimum=1)
    dev_metric: Literal["perplexity", "bits_per_character"] = option(
        "perplexity", "the dev score that chooses the best weights"
    )
    # predicting
    suggest: int = option(
        0,
        "predict: this many most probable next words instead of a continuation; a half-typed word "
        "is completed, a misspelt one corrected",
        minimum=0,
        maximum=1000,
        when_predicting=True,
    )
    maximum_length: int = option(
        200, "predict: maximum tokens of a continuation", minimum=1, when_predicting=True
    )
    cache: int = option(
        0,
        "size of the continuous cache in tokens (Grave et al. 2017); 0: no cache",
        minimum=0,
        maximum=100_000,
        when_predicting=True,
    )
    cache_weight: float | None = option(
        None,
        "weight of the --cache in the mixture (default: 0.1; characters 0.2)",
        minimum=0,
        maximum=0.99,
        when_predicting=True,
    )
    cache_sharpness: float | None = option(
        None,
        "factor on the cosine of two hidden states in the --cache (default: 10; characters 15)",
        minimum=0,
        maximum=1000,
        when_predicting=True,
    )
    weights: Literal["float32", "bfloat16", "int8"] = option(
        "float32",
        "generate: number format of the weights; smaller ones are read faster",
        when_predicting=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_frozen(self.freeze_embeddings, self.embeddings)
        if self.suggest:
            self.refuse_backward(option_name("suggest"))
        if self.embeddings is not None and self.closed_form:
            raise InputError(
                f"{option_name('embeddings')}: {option_name('model')} {self.model} has no "
                f"embeddings"
            )
        if self.residual and self.layers > 1 and self.last_size not in (None, self.hidden_size):
            raise InputError(
                f"{option_name('residual')} needs layers of equal size; leave out "
                f"{option_name('last_size')}"
            )

    def refuse_backward(self, what: str) -> None:
        """InputError where a model that reads backward is asked for what comes next.

        Args:
            what: what was asked for: "generate"
        """
        if self.direction == "backward":
            raise InputError(
                f"{what}: a model of {option_name('direction')} backward knows what comes before, "
                f"not what comes next; use a run of {option_name('direction')} forward"
            )

    @property
    def unit_defaults(self) -> UnitDefaults:
        return DEFAULTS_BY_UNIT[self.unit]

    @property
    def ngram_order(self) -> int:
        """Length of the longest n-grams of the baseline."""
        return self.baseline_order or self.unit_defaults.ngram_order

    @property
    def cache_settings(self) -> CacheSettings:
        weight, sharpness = self.cache_weight, self.cache_sharpness
        return CacheSettings(
            self.cache,
            self.unit_defaults.cache_weight if weight is None else weight,
            self.unit_defaults.cache_sharpness if sharpness is None else sharpness,
        )
